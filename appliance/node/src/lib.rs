//! The node service: image mirror and API load balancer on loopback.
