//! Places and devices: warehouses, nodes, the lives of their journals, the cards they join with.
