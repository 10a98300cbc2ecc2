//! The HTTP shell: what every request passes through before an area's own handler sees it.

pub mod tls;
