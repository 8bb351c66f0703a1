/* Tells by CS alone whether a frame is from CPL 3: in virtual-8086 mode CS is no selector. */
#define TEST_FROM_USER testb $3, GATECRASH_FRAME32_CS(%esp)
