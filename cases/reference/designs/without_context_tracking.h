/* Leaves out context tracking, for variants whose defect would show as one of context tracking. */
#define WITHOUT_CONTEXT_TRACKING
