/* POSCAR and LAMMPS data: what can be read can be written, and read again.  Archives and
   trajectories in extended XYZ. */
#include <math.h>
#include <string.h>

#include "base/vector_math.h"
#include "fuzz.h"
#include "io/formats.h"

typedef int reader(hop_context *, const char *, const char *, size_t, hop_structure **);
typedef int writer(hop_context *, hop__text *, const hop_structure *);

static void check(hop_context *context, const uint8_t *data, size_t size, reader *read,
                  writer *add) {
    hop_structure *s, *again;
    char *text = hop__allocate(context, size + 1, 1); /* files end in NUL, too */
    memcpy(text, data, size);
    int status = read(context, "file", text, size, &s);
    FUZZ_CHECK(fuzz_status(context, status) == (s != NULL));
    FUZZ_CHECK(status <= 0);
    hop__release(context, text);
    if (!s)
        return;
    const size_t n = hop_structure_count(s);
    FUZZ_CHECK(hop__all_finite(s->positions, 3 * n) && hop__all_finite(s->cell, 9));
    hop__text out;
    hop__text_start(&out, context);
    if (fuzz_status(context, add(context, &out, s))) {
        status = read(context, "again", out.data, out.size, &again);
        if (fuzz_status(context, status)) {
            FUZZ_CHECK(hop_structure_count(again) == n);
            hop_structure_free(again);
        }
    }
    hop__text_free(&out);
    hop_structure_free(s);
}

static void check_archive(hop_context *context, const char *path) {
    hop_archive *a;
    if (!fuzz_status(context, hop_archive_load(context, path, NULL, &a)))
        return;
    for (size_t k = 0; k < hop_archive_count(a); k++) {
        hop_minimum about = {.size = sizeof about};
        FUZZ_CHECK(hop_archive_minimum(a, k, &about, NULL) == HOP_OK);
        FUZZ_CHECK(isfinite(about.energy) && about.seen > 0);
    }
    hop_archive_free(a);
}

static void check_trajectory(hop_context *context, const char *path) {
    hop_trajectory *t;
    if (!fuzz_status(context, hop_trajectory_open(context, path, &t)))
        return;
    const int64_t count = hop_trajectory_count(t);
    FUZZ_CHECK(count > 0);
    for (int64_t k = 0; k < count && k < 10; k++) {
        hop_structure *s;
        FUZZ_CHECK(hop_trajectory_read(t, k, NULL, &s) == HOP_OK);
        hop_structure_free(s);
    }
    hop_trajectory_free(t);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    hop_context *context = fuzz_context();
    check(context, data, size, hop__poscar_read, hop__poscar_add);
    check(context, data, size, hop__lammps_read, hop__lammps_add);
    hop_structure *s;
    fuzz_status(context, hop_structure_read(context, fuzz_file(data, size), 0, &s));
    hop_structure_free(s);
    check_archive(context, fuzz_file(data, size));
    if (!memmem(data, size, "HDF", 3)) /* libhdf5 makes no promises */
        check_trajectory(context, fuzz_file(data, size));
    fuzz_end(context);
    return 0;
}
