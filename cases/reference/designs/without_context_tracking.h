/* Leaves out the tracking of the context: a defect would show as its. */
#define WITHOUT_CONTEXT_TRACKING
