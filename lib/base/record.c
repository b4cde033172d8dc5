#include "base/record.h"

#include <math.h>
#include <string.h>

#define LARGEST 1e150

void hop__record_part(hop__record *r, void *part, size_t size) {
    if (r->mode != HOP__COUNT && (r->broken || size > r->size - r->at)) {
        r->broken = true;
        return;
    }
    if (r->mode == HOP__COPY_OUT && size > 0)
        memcpy(r->bytes + r->at, part, size);
    else if (r->mode == HOP__COPY_IN && size > 0)
        memcpy(part, r->bytes + r->at, size);
    r->at += size;
}

void hop__record_flag(hop__record *r, bool *flag) {
    unsigned char byte = *flag;
    hop__record_part(r, &byte, 1);
    hop__record_expect(r, byte <= 1);
    *flag = byte == 1;
}

bool hop__record_all_finite(const double *numbers, size_t count) {
    bool finite = true;
    for (size_t k = 0; k < count; k++)
        finite &= fabs(numbers[k]) < LARGEST;
    return finite;
}

void hop__record_finite(hop__record *r, double *numbers, size_t count) {
    hop__record_part(r, numbers, count * sizeof *numbers);
    hop__record_expect(r, hop__record_all_finite(numbers, count));
}
