/* The state of an object as bytes, in one function for both directions: it names its
   parts one after another, and they are counted, copied out, or copied in. */
#ifndef HOP_BASE_RECORD_H
#define HOP_BASE_RECORD_H

#include <stdbool.h>
#include <stddef.h>

enum hop__record_mode { HOP__COUNT, HOP__COPY_OUT, HOP__COPY_IN };

typedef struct hop__record {
    enum hop__record_mode mode;
    unsigned char *bytes; /* NULL when counting */
    size_t size, at;
    bool broken; /* more is named than there is, or a part was found impossible */
} hop__record;

void hop__record_part(hop__record *record, void *part, size_t size);

/* hop__record_part() of a variable or an array that is one. */
#define HOP__RECORD(record, variable)                                                  \
    hop__record_part(record, &(variable), sizeof(variable))

/* The same of a flag, which must be one, and of a counter, which must not be near the end
   of its range. */
void hop__record_flag(hop__record *record, bool *flag);
#define HOP__RECORD_COUNT(record, variable)                                            \
    do {                                                                               \
        HOP__RECORD(record, variable);                                                 \
        hop__record_expect(record, (double)(variable) >= 0.0 &&                        \
                                       (double)(variable) <=                           \
                                           (sizeof(variable) < 8 ? 0x1p30 : 0x1p53));  \
    } while (0)

/* The same of numbers that must be finite, and so far from overflow that sums of squares
   are, too. */
void hop__record_finite(hop__record *record, double *numbers, size_t count);
bool hop__record_all_finite(const double *numbers, size_t count);

/* What was copied in must be so. */
static inline void hop__record_expect(hop__record *record, bool possible) {
    if (record->mode == HOP__COPY_IN && !possible)
        record->broken = true;
}

#endif
