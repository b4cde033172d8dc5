/* Writing H5MD.  Each element holds one array for all frames, extended along its first
   dimension; steps and times are shared by hard links, as H5MD wants. */
#include <string.h>

#include "base/memory.h"
#include "io/h5md.h"
#include "io/h5md_names.h"
#include "io/hdf5_entry.h"
#include "structure/elements.h"

#define CHUNK 65536 /* bytes, about */
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define VERSION                                                                        \
    TEXT(HOP_VERSION_MAJOR) "." TEXT(HOP_VERSION_MINOR) "." TEXT(HOP_VERSION_PATCH)

const hop__h5md_element hop__h5md_elements[HOP__H5MD_ELEMENTS] = {
    {"particles/all/position", 3, 0, "Angstrom"},
    {"particles/all/force", 3, 0, "kJ mol-1 Angstrom-1"}, /* MDAnalysis knows no eV */
    {"particles/all/box/edges", 3, 3, "Angstrom"},
    {"observables/potential_energy", 1, 1, "eV"},
    {"observables/virial", 3, 3, "eV"}};

bool hop__h5md_wanted(int element, const hop_structure *like) {
    bool cell = hop__structure_is_periodic(like);
    for (int k = 0; k < 9; k++)
        cell |= like->cell[k] != 0.0;
    return element == HOP__H5MD_EDGES    ? cell
           : element == HOP__H5MD_VIRIAL ? hop__structure_is_periodic(like)
                                         : true;
}

/* A file that is being written: the first fault is remembered, later calls do nothing. */
typedef struct writer {
    hid_t file;
    bool good;
} writer;

static void must(writer *w, bool good) { w->good = w->good && good; }

/* ---- attributes ---- */

static void add_attribute(writer *w, hid_t at, const char *name, hid_t type,
                          hid_t space, const void *data) {
    hid_t made = H5Acreate2(at, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    must(w, made >= 0 && H5Awrite(made, type, data) >= 0);
    if (made >= 0)
        H5Aclose(made);
}

static void add_integers(writer *w, hid_t at, const char *name, const int *values,
                         hsize_t count) {
    hid_t space = count > 1 ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    add_attribute(w, at, name, H5T_NATIVE_INT, space, values);
    H5Sclose(space);
}

static hid_t text_type(size_t size) {
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size);
    return type;
}

/* Fixed-length texts, as H5MD wants: `count` of `size` bytes each. */
static void add_texts(writer *w, hid_t at, const char *name, const char *texts,
                      size_t size, hsize_t count) {
    hid_t type = text_type(size);
    hid_t space = count > 1 ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_SCALAR);
    add_attribute(w, at, name, type, space, texts);
    H5Sclose(space);
    H5Tclose(type);
}

static void add_text(writer *w, hid_t at, const char *name, const char *text) {
    add_texts(w, at, name, text, strlen(text) + 1, 1);
}

/* MDAnalysis looks units up by name and knows a name only when its length is variable. */
static void add_unit(writer *w, hid_t at, const char *unit) {
    hid_t type = text_type(H5T_VARIABLE), space = H5Screate(H5S_SCALAR);
    add_attribute(w, at, "unit", type, space, &unit);
    H5Sclose(space);
    H5Tclose(type);
}

/* ---- groups and datasets ---- */

static hid_t make_group(writer *w, const char *path) {
    hid_t links = H5Pcreate(H5P_LINK_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    hid_t group = H5Gcreate2(w->file, path, links, H5P_DEFAULT, H5P_DEFAULT);
    must(w, group >= 0);
    H5Pclose(links);
    return group;
}

static void close_group(hid_t group) {
    if (group >= 0)
        H5Gclose(group);
}

static hid_t make_set(writer *w, hid_t at, const char *name, hid_t type, hid_t space,
                      hid_t creation) {
    H5Pset_obj_track_times(creation, 0);
    hid_t set = H5Dcreate2(at, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    must(w, set >= 0);
    return set;
}

/* An array that does not depend on time. */
static void add_fixed(writer *w, hid_t at, const char *name, hid_t type, hid_t memory,
                      size_t count, const void *data, const char *unit) {
    const hsize_t extent = count;
    hid_t space = H5Screate_simple(1, &extent, NULL);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    hid_t set = make_set(w, at, name, type, space, creation);
    if (set >= 0) {
        must(w, H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0);
        if (unit)
            add_unit(w, set, unit);
        H5Dclose(set);
    }
    H5Pclose(creation);
    H5Sclose(space);
}

/* An array of no frames yet: dims[0] of them at once in a chunk. */
static void add_growing(writer *w, hid_t at, const char *name, hid_t type, int rank,
                        hsize_t dims[3], const char *unit) {
    hsize_t bytes = 8, chunk[3], most[3];
    for (int k = 1; k < rank && k < 3; k++)
        bytes *= dims[k];
    memcpy(chunk, dims, sizeof chunk);
    memcpy(most, dims, sizeof most);
    chunk[0] = bytes > 0 && bytes < CHUNK ? CHUNK / bytes : 1;
    chunk[0] = chunk[0] > 512 ? 512 : chunk[0];
    most[0] = H5S_UNLIMITED;
    dims[0] = 0;
    hid_t space = H5Screate_simple(rank, dims, most);
    hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_chunk(creation, rank, chunk);
    hid_t set = make_set(w, at, name, type, space, creation);
    if (set >= 0 && unit)
        add_unit(w, set, unit);
    if (set >= 0)
        H5Dclose(set);
    H5Pclose(creation);
    H5Sclose(space);
}

static void add_element(writer *w, const hop__h5md_element *element, size_t atoms) {
    hsize_t dims[3] = {0, element->rows ? element->rows : atoms, 3};
    hid_t group = make_group(w, element->path);
    if (group < 0)
        return;
    add_growing(w, group, "value", H5T_IEEE_F64LE, element->rank, dims, element->unit);
    if (element == hop__h5md_elements) {
        add_growing(w, group, "step", H5T_STD_I64LE, 1, dims, NULL);
        add_growing(w, group, "time", H5T_IEEE_F64LE, 1, dims, HOP__H5MD_TIME);
    } else {
        must(w, H5Lcreate_hard(w->file, HOP__H5MD_STEP, group, "step", H5P_DEFAULT,
                               H5P_DEFAULT) >= 0);
        must(w, H5Lcreate_hard(w->file, HOP__H5MD_TIME_SET, group, "time", H5P_DEFAULT,
                               H5P_DEFAULT) >= 0);
    }
    close_group(group);
}

/* ---- what stands before the frames ---- */

static void add_metadata(writer *w) {
    const int version[2] = {1, 1}, module[2] = {1, 0};
    hid_t group = make_group(w, "h5md");
    if (group >= 0)
        add_integers(w, group, "version", version, 2);
    close_group(group);
    group = make_group(w, "h5md/author");
    if (group >= 0)
        add_text(w, group, "name", "unknown");
    close_group(group);
    group = make_group(w, "h5md/creator");
    if (group >= 0) {
        add_text(w, group, "name", "libhop");
        add_text(w, group, "version", VERSION);
    }
    close_group(group);
    group = make_group(w, "h5md/modules/units");
    if (group >= 0) {
        add_integers(w, group, "version", module, 2);
        add_text(w, group, "system", "SI");
    }
    close_group(group);
}

static void add_box(writer *w, const hop_structure *like) {
    char boundary[3][9] = {"none", "none", "none"};
    const int dimension = 3;
    for (int k = 0; k < 3; k++)
        if (like->periodic[k])
            memcpy(boundary[k], "periodic", 9);
    hid_t group = make_group(w, "particles/all/box");
    if (group < 0)
        return;
    add_integers(w, group, "dimension", &dimension, 1);
    add_texts(w, group, "boundary", boundary[0], sizeof boundary[0], 3);
    close_group(group);
}

/* Species are atomic numbers; VMD's plugin takes names and radii from parameters. */
static void add_vmd(writer *w, const hop_structure *like) {
    char names[HOP__ELEMENTS][4] = {{0}};
    int species[HOP__ELEMENTS] = {0};
    double radii[HOP__ELEMENTS] = {0.0};
    size_t count = 0;
    for (int number = 0; number < HOP__ELEMENTS; number++)
        for (size_t i = 0; i < like->count; i++)
            if (like->numbers[i] == number) {
                memcpy(names[count], hop_element_symbol(number),
                       strlen(hop_element_symbol(number)));
                radii[count] = hop__element_radius(number);
                species[count++] = number;
                break;
            }
    hid_t group = make_group(w, "parameters/vmd_structure"), type = text_type(4);
    if (group >= 0) {
        add_fixed(w, group, "indexOfSpecies", H5T_STD_I32LE, H5T_NATIVE_INT, count,
                  species, NULL);
        add_fixed(w, group, "atomicnumber", H5T_STD_I32LE, H5T_NATIVE_INT, count,
                  species, NULL);
        add_fixed(w, group, "name", type, type, count, names, NULL);
        add_fixed(w, group, "type", type, type, count, names, NULL);
        add_fixed(w, group, "radius", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, count, radii,
                  NULL);
    }
    H5Tclose(type);
    close_group(group);
}

static void add_atoms(writer *w, const hop_structure *like, const double *masses) {
    bool some_fixed = false;
    for (size_t i = 0; i < like->count; i++)
        some_fixed |= like->fixed[i] != 0;
    hid_t group = H5Gopen2(w->file, "particles/all", H5P_DEFAULT);
    must(w, group >= 0);
    if (group < 0)
        return;
    add_fixed(w, group, "species", H5T_STD_I32LE, H5T_NATIVE_INT32, like->count,
              like->numbers, NULL);
    add_fixed(w, group, "mass", H5T_IEEE_F64LE, H5T_NATIVE_DOUBLE, like->count, masses,
              "u");
    if (some_fixed)
        add_fixed(w, group, "fixed", H5T_STD_I32LE, H5T_NATIVE_INT32, like->count,
                  like->fixed, NULL);
    close_group(group);
}

static hid_t file_access(void) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
    return access;
}

/* Nobody else knows the file yet, and not every file system can lock. */
static void do_not_lock(hid_t access) {
#if H5_VERSION_GE(1, 14, 0) || (H5_VERS_MINOR == 12 && H5_VERS_RELEASE >= 1) ||        \
    (H5_VERS_MINOR == 10 && H5_VERS_RELEASE >= 7)
    H5Pset_file_locking(access, 0, 1);
#else
    (void)access;
#endif
}

static int finish(hop_context *context, const char *name, writer *w) {
    if (w->file >= 0) {
        must(w, H5Fflush(w->file, H5F_SCOPE_GLOBAL) >= 0);
        must(w, H5Fclose(w->file) >= 0);
    }
    if (!w->good)
        hop__hdf5_be_quiet();
    return w->good ? HOP_OK
                   : hop__fail(context, HOP_ERROR_IO,
                               "%.300s: cannot be written: HDF5 failed", name);
}

int hop__h5md_create(hop_context *context, const char *name, const char *path,
                     const hop_structure *like) {
    hop__hdf5_entry e;
    double *masses = hop__allocate(context, like->count, sizeof *masses);
    if (!masses)
        return HOP_ERROR_MEMORY;
    for (size_t i = 0; i < like->count; i++)
        masses[i] = hop_element_mass(like->numbers[i]);
    int status = hop__hdf5_enter(context, &e);
    if (status != HOP_OK) {
        hop__release(context, masses);
        return status;
    }
    hid_t access = file_access();
    do_not_lock(access);
    writer w = {H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access), true};
    must(&w, w.file >= 0);
    H5Pclose(access);
    if (w.good) {
        add_metadata(&w);
        add_box(&w, like);
        for (int k = 0; k < HOP__H5MD_ELEMENTS; k++)
            if (hop__h5md_wanted(k, like))
                add_element(&w, &hop__h5md_elements[k], like->count);
        add_atoms(&w, like, masses);
        add_vmd(&w, like);
    }
    status = finish(context, name, &w);
    hop__hdf5_leave(&e);
    hop__release(context, masses);
    return status;
}

/* ---- frames ---- */

static void write_rows(writer *w, const char *path, int rank, size_t rows,
                       size_t stored, size_t count, hid_t type, const void *data) {
    const hsize_t dims[3] = {stored + count, rows, 3}, start[3] = {stored, 0, 0};
    const hsize_t extent[3] = {count, rows, 3};
    hid_t set = H5Dopen2(w->file, path, H5P_DEFAULT);
    must(w, set >= 0 && H5Dset_extent(set, dims) >= 0);
    if (w->good) {
        hid_t space = H5Dget_space(set), memory = H5Screate_simple(rank, extent, NULL);
        must(w, H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, extent, NULL) >=
                    0);
        must(w, H5Dwrite(set, type, memory, space, H5P_DEFAULT, data) >= 0);
        H5Sclose(memory);
        H5Sclose(space);
    }
    if (set >= 0)
        H5Dclose(set);
}

static void write_element(writer *w, int which, size_t atoms, size_t stored,
                          size_t count, const double *data) {
    const hop__h5md_element *element = &hop__h5md_elements[which];
    char path[64];
    const size_t length = strlen(element->path);
    memcpy(path, element->path, length + 1);
    memcpy(path + length, "/value", 7);
    if (which == 0 || H5Lexists(w->file, element->path, H5P_DEFAULT) > 0)
        write_rows(w, path, element->rank, element->rows ? element->rows : atoms,
                   stored, count, H5T_NATIVE_DOUBLE, data);
}

/* Forces and virials in the file's form and units. */
static void convert(const hop__h5md_frames *frames, size_t atoms, double *forces,
                    double *virials) {
    static const int full[9] = {0, 5, 4, 5, 1, 3, 4, 3, 2};
    for (size_t k = 0; k < 3 * atoms * frames->count; k++)
        forces[k] = frames->forces[k] * HOP__KJ_PER_MOL;
    for (size_t t = 0; t < frames->count; t++)
        for (int k = 0; k < 9; k++)
            virials[9 * t + (size_t)k] = frames->virials[6 * t + (size_t)full[k]];
}

int hop__h5md_append(hop_context *context, const char *name, const char *path,
                     size_t atoms, size_t stored, const hop__h5md_frames *frames) {
    hop__hdf5_entry e;
    const size_t count = frames->count;
    double *block =
        hop__allocate_unset(context, count, (3 * atoms + 10) * sizeof *block);
    if (!block)
        return HOP_ERROR_MEMORY;
    double *virials = block + 3 * atoms * count, *times = virials + 9 * count;
    convert(frames, atoms, block, virials);
    for (size_t t = 0; t < count; t++)
        times[t] = (double)frames->steps[t];
    int status = hop__hdf5_enter(context, &e);
    if (status == HOP_OK) {
        hid_t access = file_access();
        do_not_lock(access);
        writer w = {H5Fopen(path, H5F_ACC_RDWR, access), true};
        must(&w, w.file >= 0);
        H5Pclose(access);
        if (w.good) {
            const double *data[HOP__H5MD_ELEMENTS] = {
                frames->positions, block, frames->cells, frames->energies, virials};
            for (int k = 0; k < HOP__H5MD_ELEMENTS; k++)
                write_element(&w, k, atoms, stored, count, data[k]);
            write_rows(&w, HOP__H5MD_STEP, 1, 0, stored, count, H5T_NATIVE_INT64,
                       frames->steps);
            write_rows(&w, HOP__H5MD_TIME_SET, 1, 0, stored, count, H5T_NATIVE_DOUBLE,
                       times);
        }
        status = finish(context, name, &w);
        hop__hdf5_leave(&e);
    }
    hop__release(context, block);
    return status;
}
