#include "base/record.h"

#include <string.h>

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
