#include "hop.h"

int32_t hop_version(void) { return HOP_VERSION; }

const char *hop_status_name(int status) {
    switch (status) {
#define NAME(name, value, text)                                                        \
    case value: return "HOP_" #name;
        HOP_STATUS_LIST(NAME)
#undef NAME
    default: return "HOP_UNKNOWN";
    }
}

const char *hop_status_text(int status) {
    switch (status) {
#define TEXT(name, value, text)                                                        \
    case value: return text;
        HOP_STATUS_LIST(TEXT)
#undef TEXT
    default: return "unknown status";
    }
}
