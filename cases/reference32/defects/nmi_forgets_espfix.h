/* Makes an NMI return on the flat stack segment, even if it interrupted code on the espfix segment. */
#define NOTE_ESPFIX
