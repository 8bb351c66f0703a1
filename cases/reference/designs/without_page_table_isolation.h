/* Leaves out the user's page tables, for variants whose defect would show as one of the page tables. */
#define WITHOUT_PAGE_TABLE_ISOLATION
