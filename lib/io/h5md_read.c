/* Reading H5MD, ours and others': arrays that do not change with time, float arrays, boxes
   of three lengths, other units, no species. */
#include <math.h>
#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/h5md.h"
#include "io/h5md_names.h"
#include "io/hdf5_entry.h"
#include "structure/elements.h"

/* An array of the file; set < 0: there is none. */
typedef struct array {
    hid_t set;
    bool grows; /* its first dimension counts frames */
    int rank;
    hsize_t dims[3];
    double unit; /* what a number has to be multiplied with */
    bool broken; /* HDF5 could not read it */
} array;

struct hop__h5md {
    hop_context *context;
    char *path;
    hid_t file, group;
    size_t atoms, frames;
    bool ours; /* made by libhop */
    array position, force, edges, energy, virial, step;
};

static int bad(const hop__h5md *f, const char *expected) {
    return hop__fail(f->context, HOP_ERROR_FORMAT, "%.300s: H5MD: expected %s", f->path,
                     expected);
}

/* ---- units ---- */

typedef struct unit {
    const char *name;
    double value;
} unit;

static const unit lengths[] = {{"Angstrom", 1.0}, {"angstrom", 1.0}, {"A", 1.0},
                               {"nm", 10.0},      {"pm", 0.01},      {NULL, 0.0}};
static const unit energies[] = {
    {"eV", 1.0},
    {"kJ mol-1", 1.0 / HOP__KJ_PER_MOL},
    {"kcal mol-1", 4.184 / HOP__KJ_PER_MOL},
    {NULL, 0.0},
};
static const unit forces[] = {
    {"eV Angstrom-1", 1.0},
    {"kJ mol-1 Angstrom-1", 1.0 / HOP__KJ_PER_MOL},
    {"kJ mol-1 nm-1", 0.1 / HOP__KJ_PER_MOL},
    {"kcal mol-1 Angstrom-1", 4.184 / HOP__KJ_PER_MOL},
    {NULL, 0.0},
};

/* A text attribute, of fixed or variable length, cut to size - 1 bytes; false when there
   is none. */
static bool text_of(hid_t at, const char *name, char *text, size_t size) {
    memset(text, 0, size);
    hid_t attribute = H5Aexists(at, name) > 0 ? H5Aopen(at, name, H5P_DEFAULT) : -1;
    if (attribute < 0)
        return false;
    hid_t type = H5Aget_type(attribute), space = H5Aget_space(attribute);
    bool good =
        H5Tget_class(type) == H5T_STRING && H5Sget_simple_extent_npoints(space) == 1;
    if (good && H5Tis_variable_str(type) > 0) {
        char *got = NULL;
        hid_t memory = H5Tcopy(H5T_C_S1);
        H5Tset_size(memory, H5T_VARIABLE);
        H5Tset_cset(memory, H5Tget_cset(type));
        good = H5Aread(attribute, memory, &got) >= 0 && got;
        for (size_t k = 0; good && k + 1 < size && got[k]; k++)
            text[k] = got[k];
        if (got)
            H5Dvlen_reclaim(memory, space, H5P_DEFAULT, &got);
        H5Tclose(memory);
    } else if (good) {
        hid_t memory = H5Tcopy(H5T_C_S1);
        H5Tset_size(memory, size);
        H5Tset_cset(memory, H5Tget_cset(type));
        good = H5Aread(attribute, memory, text) >= 0;
        H5Tclose(memory);
    }
    text[size - 1] = '\0';
    H5Sclose(space);
    H5Tclose(type);
    H5Aclose(attribute);
    return good;
}

/* Without a unit the numbers are taken as they are.  Of our own files the units are known
   and not looked at: HDF5 follows a damaged text of variable length to wherever it points. */
static int read_unit(const hop__h5md *f, const unit *known, array *a,
                     const char *what) {
    char text[32], quote[HOP__QUOTE_SIZE];
    a->unit = 1.0;
    if (a->set < 0)
        return HOP_OK;
    if (f->ours) {
        a->unit = a == &f->force ? forces[1].value : 1.0;
        return HOP_OK;
    }
    if (!text_of(a->set, "unit", text, sizeof text))
        return HOP_OK;
    for (const unit *u = known; u->name; u++)
        if (strcmp(u->name, text) == 0) {
            a->unit = u->value;
            return HOP_OK;
        }
    return hop__fail(f->context, HOP_ERROR_UNSUPPORTED,
                     "%.300s: H5MD: %s: expected unit '%s', got '%s'", f->path, what,
                     known[0].name, hop__quote((hop__span){text, strlen(text)}, quote));
}

/* ---- arrays ---- */

/* Each part of the path is looked at, so that a missing group is no HDF5 error. */
static bool exists(hid_t at, const char *path) {
    char part[64];
    const size_t length = strlen(path);
    for (size_t k = 1; k <= length && length < sizeof part; k++) {
        if (k < length && path[k] != '/')
            continue;
        memcpy(part, path, k);
        part[k] = '\0';
        if (H5Lexists(at, part, H5P_DEFAULT) <= 0 ||
            H5Oexists_by_name(at, part, H5P_DEFAULT) <= 0)
            return false;
        if (k == length)
            return true;
    }
    return false;
}

static void close_array(array *a) {
    if (a->set >= 0)
        H5Dclose(a->set);
    a->set = -1;
}

/* An array of numbers of rank 0 to 3, or none. */
static void open_array(hid_t at, const char *path, array *a) {
    *a = (array){.set = exists(at, path) ? H5Dopen2(at, path, H5P_DEFAULT) : -1,
                 .grows = true,
                 .unit = 1.0};
    if (a->set < 0)
        return;
    hid_t type = H5Dget_type(a->set), space = H5Dget_space(a->set);
    H5T_class_t kind = H5Tget_class(type);
    a->rank = H5Sget_simple_extent_ndims(space);
    bool good = (kind == H5T_FLOAT || kind == H5T_INTEGER) && a->rank >= 0 &&
                a->rank <= 3 && H5Sget_simple_extent_type(space) != H5S_NULL;
    if (good)
        H5Sget_simple_extent_dims(space, a->dims, NULL);
    H5Sclose(space);
    H5Tclose(type);
    if (!good)
        close_array(a);
}

/* `name`/value, which grows with the frames, or the fixed array `name`. */
static void open_element(hid_t at, const char *name, array *a) {
    char path[64];
    const size_t length = strlen(name);
    memcpy(path, name, length + 1);
    memcpy(path + length, "/value", 7);
    a->set = -1;
    hid_t object = exists(at, name) ? H5Oopen(at, name, H5P_DEFAULT) : -1;
    if (object < 0)
        return;
    const bool group = H5Iget_type(object) == H5I_GROUP;
    H5Oclose(object);
    open_array(at, group ? path : name, a);
    a->grows = group;
}

static bool read_whole(const array *a, hid_t type, void *data) {
    return H5Dread(a->set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
}

/* Row `frame` of an array whose first dimension counts frames. */
static bool read_row(const array *a, size_t frame, hid_t type, void *data) {
    hsize_t start[3] = {frame, 0, 0}, extent[3] = {1, a->dims[1], a->dims[2]};
    hid_t space = H5Dget_space(a->set);
    hid_t memory = H5Screate_simple(a->rank, extent, NULL);
    bool good =
        H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL) >= 0 &&
        H5Dread(a->set, type, memory, space, H5P_DEFAULT, data) >= 0;
    H5Sclose(memory);
    H5Sclose(space);
    return good;
}

static void scale(double *x, size_t count, double by) {
    for (size_t k = 0; k < count && by != 1.0; k++)
        x[k] *= by;
}

/* A frame of an element with `size` numbers in each; false, and x as it was, when it has
   another form or is not there; when HDF5 cannot read it, it is broken. */
static bool read_numbers(array *a, size_t frame, size_t size, double *x) {
    if (a->set < 0)
        return false;
    hsize_t row = 1;
    if (a->grows && (a->rank == 0 || frame >= a->dims[0]))
        return false;
    for (int k = a->grows ? 1 : 0; k < a->rank; k++)
        if (__builtin_mul_overflow(row, a->dims[k], &row))
            return false;
    if (row != size)
        return false;
    bool good = a->grows ? read_row(a, frame, H5T_NATIVE_DOUBLE, x)
                         : read_whole(a, H5T_NATIVE_DOUBLE, x);
    scale(x, size, a->unit);
    a->broken |= !good;
    return good;
}

/* ---- the atoms ---- */

/* An atom-wise array of whole numbers, fixed or the first frame of a growing one. */
static bool read_integers(const hop__h5md *f, const char *name, int32_t *values) {
    array a;
    open_element(f->group, name, &a);
    bool whole = a.set >= 0 && a.rank == 1 && a.dims[0] == f->atoms;
    bool row = a.set >= 0 && a.rank == 2 && a.dims[0] > 0 && a.dims[1] == f->atoms;
    bool good = whole ? read_whole(&a, H5T_NATIVE_INT32, values)
                      : row && read_row(&a, 0, H5T_NATIVE_INT32, values);
    close_array(&a);
    return good;
}

static void read_boundary(const hop__h5md *f, int32_t periodic[3]) {
    char text[3][16] = {{0}};
    hid_t box = exists(f->group, "box") ? H5Gopen2(f->group, "box", H5P_DEFAULT) : -1;
    hid_t at = box >= 0 && H5Aexists(box, "boundary") > 0
                   ? H5Aopen(box, "boundary", H5P_DEFAULT)
                   : -1;
    if (at >= 0) {
        hid_t type = H5Aget_type(at), space = H5Aget_space(at);
        hid_t memory = H5Tcopy(H5T_C_S1);
        H5Tset_cset(memory, H5Tget_cset(type));
        hssize_t count = H5Sget_simple_extent_npoints(space);
        bool text_class = H5Tget_class(type) == H5T_STRING && count == 3;
        if (text_class && H5Tis_variable_str(type) > 0) {
            char *got[3] = {NULL, NULL, NULL};
            H5Tset_size(memory, H5T_VARIABLE);
            bool good = H5Aread(at, memory, got) >= 0;
            for (int k = 0; good && k < 3; k++)
                for (size_t c = 0; got[k] && c + 1 < sizeof text[k] && got[k][c]; c++)
                    text[k][c] = got[k][c];
            if (good)
                H5Dvlen_reclaim(memory, space, H5P_DEFAULT, got);
        } else if (text_class) {
            H5Tset_size(memory, sizeof text[0]);
            H5Aread(at, memory, text);
        }
        H5Tclose(memory);
        H5Sclose(space);
        H5Tclose(type);
        H5Aclose(at);
    }
    if (box >= 0)
        H5Gclose(box);
    for (int k = 0; k < 3; k++)
        periodic[k] = strncmp(text[k], "periodic", sizeof text[k]) == 0;
}

static int check_sizes(hop__h5md *f) {
    const array *p = &f->position;
    if (p->set < 0 || p->rank != 3 || p->dims[2] != 3)
        return bad(f, "positions of frames, atoms and three dimensions in "
                      "particles/*/position/value");
    hsize_t bytes = 0;
    H5Fget_filesize(f->file, &bytes);
    /* deflate, the strongest filter in use, makes a byte of a thousand */
    if (p->dims[1] < 1 || p->dims[1] > (100 + bytes) * 1000 || p->dims[1] > 100000000)
        return bad(f, "as many atoms as the file has room for");
    f->atoms = (size_t)p->dims[1];
    f->frames = (size_t)p->dims[0];
    if (f->step.set >= 0 && f->step.rank == 1 && f->step.dims[0] < f->frames)
        return bad(f, "as many steps as positions");
    return HOP_OK;
}

static int read_atoms(hop__h5md *f, hop_structure **like) {
    hop__hdf5_entry e;
    int32_t *numbers = hop__allocate(f->context, f->atoms, 2 * sizeof *numbers);
    if (!numbers)
        return HOP_ERROR_MEMORY;
    int32_t *fixed = numbers + f->atoms, periodic[3];
    double cell[9] = {0.0}, edges[3] = {0.0};
    hop__hdf5_enter_again(&e);
    read_integers(f, "species", numbers);
    read_integers(f, "fixed", fixed);
    read_boundary(f, periodic);
    if (!read_numbers(&f->edges, 0, 9, cell) && read_numbers(&f->edges, 0, 3, edges))
        for (int k = 0; k < 3; k++)
            cell[4 * k] = edges[k];
    hop__hdf5_leave(&e);
    int status = hop_structure_new(f->context, f->atoms, numbers, like);
    if (status == HOP_ERROR_ARGUMENT)
        status = hop__fail(f->context, HOP_ERROR_FORMAT,
                           "%.300s: H5MD: species: expected atomic numbers from 0 to "
                           "%d",
                           f->path, HOP__ELEMENTS - 1);
    for (size_t i = 0; status == HOP_OK && i < f->atoms; i++)
        (*like)->fixed[i] = fixed[i] != 0;
    if (status == HOP_OK) {
        memcpy((*like)->periodic, periodic, sizeof periodic);
        memcpy((*like)->cell, cell, sizeof cell);
    }
    hop__release(f->context, numbers);
    return status;
}

/* ---- opening ---- */

/* particles/all, or the first group of particles. */
static hid_t open_group(hid_t file) {
    char name[64] = "all";
    if (!exists(file, "particles"))
        return -1;
    hid_t particles = H5Gopen2(file, "particles", H5P_DEFAULT);
    hid_t group = -1;
    if (particles >= 0 &&
        (exists(particles, name) ||
         H5Lget_name_by_idx(particles, ".", H5_INDEX_NAME, H5_ITER_INC, 0, name,
                            sizeof name, H5P_DEFAULT) > 0))
        group = H5Gopen2(particles, name, H5P_DEFAULT);
    if (particles >= 0)
        H5Gclose(particles);
    return group;
}

static int open_arrays(hop__h5md *f) {
    open_array(f->group, "position/value", &f->position);
    open_array(f->group, "position/step", &f->step);
    open_array(f->group, "force/value", &f->force);
    open_element(f->group, "box/edges", &f->edges);
    open_array(f->file, "observables/potential_energy/value", &f->energy);
    open_array(f->file, "observables/virial/value", &f->virial);
    int status = check_sizes(f);
    if (status == HOP_OK)
        status = read_unit(f, lengths, &f->position, "position");
    if (status == HOP_OK)
        status = read_unit(f, forces, &f->force, "force");
    if (status == HOP_OK)
        status = read_unit(f, lengths, &f->edges, "box/edges");
    if (status == HOP_OK)
        status = read_unit(f, energies, &f->energy, "potential_energy");
    if (status == HOP_OK)
        status = read_unit(f, energies, &f->virial, "virial");
    return status;
}

static bool is_ours(const hop__h5md *f) {
    char name[16] = "";
    hid_t creator = exists(f->file, "h5md/creator")
                        ? H5Gopen2(f->file, "h5md/creator", H5P_DEFAULT)
                        : -1;
    bool ours = creator >= 0 && text_of(creator, "name", name, sizeof name) &&
                strcmp(name, "libhop") == 0;
    if (creator >= 0)
        H5Gclose(creator);
    return ours && exists(f->file, "particles/all/position/time");
}

static int open_file(hop__h5md *f, bool *extendable) {
    hop__hdf5_entry e;
    int status = hop__hdf5_enter(f->context, &e);
    if (status != HOP_OK)
        return status;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
#if H5_VERSION_GE(1, 14, 0) || (H5_VERS_MINOR == 12 && H5_VERS_RELEASE >= 1) ||        \
    (H5_VERS_MINOR == 10 && H5_VERS_RELEASE >= 7)
    H5Pset_file_locking(access, 0, 1); /* not every file system can */
#endif
    f->file = H5Fopen(f->path, H5F_ACC_RDONLY, access);
    H5Pclose(access);
    f->group = f->file >= 0 ? open_group(f->file) : -1;
    if (f->file < 0)
        status =
            hop__fail(f->context, HOP_ERROR_FORMAT,
                      "%.300s: expected a trajectory, HDF5 cannot open it", f->path);
    else if (f->group < 0)
        status = bad(f, "a group in 'particles'");
    else {
        *extendable = f->ours = is_ours(f);
        status = open_arrays(f);
    }
    if (status == HOP_ERROR_FORMAT)
        hop__hdf5_be_quiet();
    hop__hdf5_leave(&e);
    return status;
}

int hop__h5md_open(hop_context *context, const char *path, hop__h5md **out,
                   hop_structure **like, size_t *frames, bool *extendable) {
    *out = NULL;
    *like = NULL;
    hop__h5md *f = hop__allocate(context, 1, sizeof *f);
    if (!f)
        return HOP_ERROR_MEMORY;
    f->context = context;
    f->file = f->group = -1;
    f->position.set = f->force.set = f->edges.set = f->energy.set = f->virial.set =
        f->step.set = -1;
    f->path = hop__duplicate(context, path);
    int status = f->path ? open_file(f, extendable) : HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status = read_atoms(f, like);
    if (status == HOP_OK) {
        *frames = f->frames;
        *out = f;
        return HOP_OK;
    }
    hop__h5md_close(f);
    return status;
}

void hop__h5md_close(hop__h5md *f) {
    if (!f)
        return;
    if (f->file >= 0) {
        hop__hdf5_entry e;
        hop__hdf5_enter_again(&e);
        array *all[] = {&f->position, &f->force,  &f->edges,
                        &f->energy,   &f->virial, &f->step};
        for (size_t k = 0; k < sizeof all / sizeof *all; k++)
            close_array(all[k]);
        if (f->group >= 0)
            H5Gclose(f->group);
        H5Fclose(f->file);
        hop__hdf5_leave(&e);
    }
    hop__release(f->context, f->path);
    hop__release(f->context, f);
}

/* ---- frames ---- */

/* A list of steps, or every so many of them. */
static int64_t read_step(const hop__h5md *f, size_t frame) {
    int64_t step = (int64_t)frame, every = 1;
    if (f->step.set >= 0 && f->step.rank == 1)
        read_row(&f->step, frame, H5T_NATIVE_INT64, &step);
    else if (f->step.set >= 0 && f->step.rank == 0 &&
             read_whole(&f->step, H5T_NATIVE_INT64, &every) &&
             __builtin_mul_overflow(step, every, &step))
        step = INT64_MAX;
    return step;
}

static void read_virial(hop__h5md *f, size_t frame, double virial[6]) {
    static const int at[6] = {0, 4, 8, 5, 2, 1};
    double full[9] = {0.0};
    if (read_numbers(&f->virial, frame, 9, full))
        for (int k = 0; k < 6; k++)
            virial[k] = full[at[k]];
}

static void unknown_unless_finite(double *x, size_t count) {
    bool known = true;
    for (size_t k = 0; k < count; k++)
        known &= isfinite(x[k]) != 0;
    for (size_t k = 0; k < count && !known; k++)
        x[k] = NAN;
}

int hop__h5md_read(hop__h5md *f, size_t frame, hop_structure *s, int64_t *step) {
    hop__hdf5_entry e;
    double cell[9] = {0.0}, edges[3] = {0.0};
    hop__structure_forget(s);
    hop__hdf5_enter_again(&e);
    bool good = read_row(&f->position, frame, H5T_NATIVE_DOUBLE, s->positions);
    scale(s->positions, 3 * f->atoms, f->position.unit);
    if (!read_numbers(&f->edges, frame, 9, cell) &&
        read_numbers(&f->edges, frame, 3, edges))
        for (int k = 0; k < 3; k++)
            cell[4 * k] = edges[k];
    read_numbers(&f->force, frame, 3 * f->atoms, s->forces);
    read_numbers(&f->energy, frame, 1, s->energy);
    read_virial(f, frame, s->virial);
    *step = read_step(f, frame);
    good = good && !f->edges.broken && !f->force.broken && !f->energy.broken &&
           !f->virial.broken;
    if (!good)
        hop__hdf5_be_quiet();
    hop__hdf5_leave(&e);
    memcpy(s->cell, cell, sizeof cell);
    unknown_unless_finite(s->forces, 3 * f->atoms);
    unknown_unless_finite(s->energy, 1);
    unknown_unless_finite(s->virial, 6);
    return good ? HOP_OK
                : hop__fail(f->context, HOP_ERROR_FORMAT,
                            "%.300s: H5MD: frame %zu cannot be read", f->path, frame);
}
