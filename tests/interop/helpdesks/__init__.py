"""The helpdesks that take part, by name, in the order of the play."""

from .django_helpdesk import DjangoHelpdesk
from .redmine import Redmine
from .request_tracker import RequestTracker, RequestTracker4
from .roundup import Roundup

ALL = {helpdesk.name: helpdesk for helpdesk in (RequestTracker, RequestTracker4, Redmine, Roundup, DjangoHelpdesk)}
