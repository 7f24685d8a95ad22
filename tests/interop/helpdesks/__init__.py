"""The helpdesks that take part, by name, in the order of the play."""

from .redmine import Redmine
from .request_tracker import RequestTracker

ALL = {helpdesk.name: helpdesk for helpdesk in (RequestTracker, Redmine)}
