/* Files of structures: which format a name means. */
#include <string.h>

#include "base/memory.h"
#include "io/extxyz.h"

#define LIMIT ((size_t)1 << 30)

int hop_structure_read(hop_context *context, const char *path, int64_t wanted,
                       hop_structure **out) {
    if (out)
        *out = NULL;
    if (!context || !path || !out)
        return hop__missing(context, "path or out");
    char *text;
    size_t size;
    int status = hop__file_read(context, path, LIMIT, &text, &size);
    if (status == HOP_OK)
        status = hop__extxyz_read(context, path, text, size, wanted, out);
    hop__release(context, text);
    return status;
}

static int add(hop_context *context, hop__text *text,
               const hop_structure *const *structures, size_t count) {
    int status = HOP_OK;
    for (size_t k = 0; k < count && status == HOP_OK; k++)
        status = structures[k]
                     ? hop__extxyz_add(context, text, structures[k], k, NULL, false)
                     : hop__fail(context, HOP_ERROR_ARGUMENT,
                                 "frame %zu: structure is NULL", k);
    return status;
}

int hop_structure_write(const hop_structure *const *structures, size_t count,
                        const char *path) {
    if (!structures || count < 1 || !structures[0] || !path)
        return hop__missing(
            structures && count > 0 && structures[0] ? structures[0]->context : NULL,
            "path");
    hop_context *context = structures[0]->context;
    hop__text text;
    hop__text_start(&text, context);
    int status = add(context, &text, structures, count);
    if (status == HOP_OK)
        status = hop__file_replace(context, path, text.data, text.size);
    hop__text_free(&text);
    return status;
}
