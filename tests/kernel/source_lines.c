/* Code with source lines. Its debug information says that it comes from two other files. */
int first(void);
int second(void);
#line 20 "entry/first.c"
int first(void) { return 1; }
#line 30 "entry/second.c"
int second(void) { return 2; }
