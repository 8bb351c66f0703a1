/* Stops if an entry from CPL 3 does not find the user's page tables. */
#define ASSERT_USER_PAGE_TABLES
