/* Writing extended XYZ; what stands in a frame follows from what is known. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "io/extxyz.h"
#include "structure/elements.h"

/* What our reader, and others', would refuse is not written. */
static int check_frame(hop_context *context, const hop_structure *s, size_t frame) {
    for (size_t i = 0; i < s->count; i++) {
        if (!hop_element_symbol(s->numbers[i]))
            return hop__fail(
                context, HOP_ERROR_ARGUMENT,
                "frame %zu, atom %zu: expected an atomic number from 0 to %d, "
                "got %ld",
                frame, i, HOP__ELEMENTS - 1, (long)s->numbers[i]);
        if (!hop__all_finite(s->positions + 3 * i, 3))
            return hop__fail(
                context, HOP_ERROR_NONFINITE,
                "frame %zu, atom %zu: expected finite positions, got %g %g %g", frame,
                i, s->positions[3 * i], s->positions[3 * i + 1],
                s->positions[3 * i + 2]);
    }
    if (!hop__all_finite(s->cell, 9))
        return hop__fail(context, HOP_ERROR_NONFINITE,
                         "frame %zu: the cell is not finite", frame);
    return HOP_OK;
}

static void add_list(hop__text *text, const char *name, const double *values,
                     const int *order, int count) {
    hop__text_add(text, "%s=\"", name);
    for (int k = 0; k < count; k++) {
        hop__text_add(text, k > 0 ? " " : "");
        hop__text_add_double(text, values[order ? order[k] : k]);
    }
    hop__text_add(text, "\" ");
}

static void add_header(hop__text *text, const hop_structure *s, const char *extra,
                       bool forces, bool energies, bool fixed) {
    static const int full[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
    double stress[6], volume = fabs(hop__determinant3(s->cell));
    bool cell = false;
    for (int k = 0; k < 9; k++)
        cell |= s->cell[k] != 0.0;
    if (cell)
        add_list(text, "Lattice", s->cell, NULL, 9);
    hop__text_add(text, "Properties=species:S:1:pos:R:3%s%s%s pbc=\"%c %c %c\"",
                  forces ? ":forces:R:3" : "", energies ? ":energies:R:1" : "",
                  fixed ? ":move_mask:L:1" : "", s->periodic[0] ? 'T' : 'F',
                  s->periodic[1] ? 'T' : 'F', s->periodic[2] ? 'T' : 'F');
    if (isfinite(*s->energy)) {
        hop__text_add(text, " energy=");
        hop__text_add_double(text, *s->energy);
    }
    hop__text_add(text, " ");
    if (hop__all_finite(s->virial, 6)) {
        add_list(text, "virial", s->virial, full, 9);
        if (s->periodic[0] && s->periodic[1] && s->periodic[2] && volume > 0.0 &&
            hop_structure_stress(s, stress) == HOP_OK && hop__all_finite(stress, 6))
            add_list(text, "stress", stress, full, 9);
    }
    if (extra)
        hop__text_add(text, "%s\n", extra);
    else if (text->size > 0 && !text->failed)
        text->data[text->size - 1] = '\n'; /* instead of the last blank */
}

static void add_frame(hop__text *text, const hop_structure *s, const char *extra,
                      bool mask) {
    bool forces = hop__all_finite(s->forces, 3 * s->count), fixed = mask;
    bool energies = hop__all_finite(s->energies, s->count);
    for (size_t i = 0; i < s->count; i++)
        fixed |= s->fixed[i] != 0;
    hop__text_add(text, "%zu\n", s->count);
    add_header(text, s, extra, forces, energies, fixed);
    for (size_t i = 0; i < s->count && !text->failed; i++) {
        hop__text_add(text, "%s", hop_element_symbol(s->numbers[i]));
        for (size_t c = 0; c < 6; c++) {
            if (c >= 3 && !forces)
                break;
            hop__text_add(text, " ");
            hop__text_add_double(text, c < 3 ? s->positions[3 * i + c]
                                             : s->forces[3 * i + c - 3]);
        }
        if (energies) {
            hop__text_add(text, " ");
            hop__text_add_double(text, s->energies[i]);
        }
        hop__text_add(text, fixed ? (s->fixed[i] ? " F\n" : " T\n") : "\n");
    }
}

int hop__extxyz_add(hop_context *context, hop__text *text, const hop_structure *s,
                    size_t frame, const char *extra, bool mask) {
    int status = check_frame(context, s, frame);
    if (status == HOP_OK)
        add_frame(text, s, extra, mask);
    return status == HOP_OK && text->failed ? HOP_ERROR_MEMORY : status;
}

int hop_structure_format(const hop_structure *structure, char *buffer, size_t capacity,
                         size_t *length) {
    if (length)
        *length = 0;
    if (!structure || !length || (!buffer && capacity > 0))
        return hop__missing(structure ? structure->context : NULL, "length or buffer");
    hop__text text;
    hop__text_start(&text, structure->context);
    int status = hop__extxyz_add(structure->context, &text, structure, 0, NULL, false);
    *length = status == HOP_OK ? text.size : 0;
    if (status == HOP_OK && capacity > 0) {
        size_t copied = text.size < capacity ? text.size : capacity - 1;
        memcpy(buffer, text.data, copied);
        buffer[copied] = '\0';
    }
    hop__text_free(&text);
    return status;
}
