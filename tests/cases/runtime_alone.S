// Defines nothing, so the guest has the runtime's entries and the runtime's workload.
