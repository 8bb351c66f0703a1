/* Decides by CS alone whether a frame is from CPL 3, although CS is no selector in virtual-8086 mode. */
#define TEST_FROM_USER testb $3, GATECRASH_FRAME32_CS(%esp)
