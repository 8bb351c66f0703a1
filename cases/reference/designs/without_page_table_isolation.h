/* Leaves out the user's page tables: a defect would show as theirs. */
#define WITHOUT_PAGE_TABLE_ISOLATION
