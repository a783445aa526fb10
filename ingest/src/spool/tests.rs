//! The spool, on a folder that fails and forgets and on a real one.

mod courses;
mod damage;
mod disk;
mod memory;
mod model;
mod processes;
