//! The engine: it joins the pure desk to the store. SYNC, no clock, no network: the time is an argument, and what is to
//! be sent is handed to the daemon, which brings the answer back.

pub mod delivery;
