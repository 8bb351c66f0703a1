/* Allows #DB while the body of an NMI runs. */
#define DB_MAY_COME_IN_NMI
