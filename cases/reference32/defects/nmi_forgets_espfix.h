/* Has an NMI return to the flat stack segment, also if it came on that of espfix. */
#define NOTE_ESPFIX
