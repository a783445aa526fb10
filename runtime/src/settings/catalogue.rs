//! Every group of settings of every program, so that one environment serves all of them.
