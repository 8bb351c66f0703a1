// Nothing of its own: the runtime's entries under the runtime's workload.
