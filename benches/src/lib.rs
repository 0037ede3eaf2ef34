//! Benchmarks only: see `benches/` and `src/bin/calls`.
