/* HDF5 behind a text header.  The file is built and read in memory (core driver), so HDF5
 * never touches the disk, and its bytes are checked against the header's digest before
 * HDF5 sees them.  Timestamps are off: the same content gives the same bytes. */
#include "io/model_file.h"

#include <string.h>

#include "base/memory.h"
#include "base/text.h"
#include "io/hdf5_entry.h"

#define HEADER 512
#define LIMIT ((size_t)1 << 30)
#define MAGIC "hop-hdf5 1"
#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)
#define VERSION                                                                        \
    TEXT(HOP_VERSION_MAJOR) "." TEXT(HOP_VERSION_MINOR) "." TEXT(HOP_VERSION_PATCH)

/* ---- writing ---- */

static hid_t type_of(hop__item_type type) {
    return type == HOP__ITEM_REAL      ? H5T_IEEE_F64LE
           : type == HOP__ITEM_INTEGER ? H5T_STD_I64LE
                                       : H5T_STD_U8LE;
}

static hid_t memory_type_of(hop__item_type type) {
    return type == HOP__ITEM_REAL      ? H5T_NATIVE_DOUBLE
           : type == HOP__ITEM_INTEGER ? H5T_NATIVE_INT64
                                       : H5T_NATIVE_UCHAR;
}

static bool write_item(hid_t file, const hop__item *item) {
    hsize_t count = item->count;
    hid_t space =
        item->count > 0 ? H5Screate_simple(1, &count, NULL) : H5Screate(H5S_NULL);
    hid_t links = H5Pcreate(H5P_LINK_CREATE), creation = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_create_intermediate_group(links, 1);
    H5Pset_obj_track_times(creation, 0);
    hid_t set = H5Dcreate2(file, item->name, type_of(item->type), space, links,
                           creation, H5P_DEFAULT);
    bool good = set >= 0;
    if (good && item->count > 0)
        good = H5Dwrite(set, memory_type_of(item->type), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                        item->data) >= 0;
    if (set >= 0)
        H5Dclose(set);
    H5Pclose(creation);
    H5Pclose(links);
    H5Sclose(space);
    return good;
}

/* The finished image, behind room for the header. */
static int build_image(hop_context *context, const hop__item *items, size_t count,
                       char **data, size_t *size) {
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 16, 0);
    /* from the earliest: H5Fget_file_image() clears a flag of later superblocks and leaves
       their checksum wrong (HDF5 1.10.8) */
    H5Pset_libver_bounds(access, H5F_LIBVER_EARLIEST, H5F_LIBVER_V18);
    hid_t file = H5Fcreate("libhop-new.h5", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    bool good = file >= 0;
    for (size_t k = 0; k < count && good; k++)
        good = write_item(file, &items[k]);
    good = good && H5Fflush(file, H5F_SCOPE_GLOBAL) >= 0;
    ssize_t length = good ? H5Fget_file_image(file, NULL, 0) : -1;
    int status = length > 0 ? HOP_OK
                            : hop__fail(context, HOP_ERROR_IO,
                                        "HDF5 could not build the file in memory");
    if (status == HOP_OK) {
        *size = HEADER + (size_t)length;
        *data = hop__allocate(context, *size, 1);
        if (!*data)
            status = HOP_ERROR_MEMORY;
        else if (H5Fget_file_image(file, *data + HEADER, (size_t)length) != length)
            status = hop__fail(context, HOP_ERROR_IO, "HDF5 could not copy its file");
    }
    if (file >= 0)
        H5Fclose(file);
    H5Pclose(access);
    return status;
}

/* 512 bytes: five lines, then newlines. */
static int make_header(hop_context *context, const char *kind, const char *image,
                       size_t size, hop__span version, char *header) {
    hop__text text;
    hop__text_start(&text, context);
    hop__text_add(&text, MAGIC "\nkind %s\nsize %zu\nxxh64 %016llx\nlibhop %.*s\n",
                  kind, size, (unsigned long long)hop__digest(image, size),
                  (int)version.length, version.start);
    memset(header, '\n', HEADER);
    if (!text.failed)
        memcpy(header, text.data, text.size < HEADER ? text.size : HEADER);
    int status = text.failed ? HOP_ERROR_MEMORY : HOP_OK;
    hop__text_free(&text);
    return status;
}

int hop__items_save(hop_context *context, const char *path, const char *kind,
                    const hop__item *items, size_t count) {
    hop__hdf5_entry e;
    char *data = NULL;
    size_t size = 0;
    int status = hop__hdf5_enter(context, &e);
    if (status != HOP_OK)
        return status;
    status = build_image(context, items, count, &data, &size);
    hop__hdf5_leave(&e);
    if (status == HOP_OK)
        status = make_header(context, kind, data + HEADER, size - HEADER,
                             (hop__span){VERSION, strlen(VERSION)}, data);
    if (status == HOP_OK)
        status = hop__file_replace(context, path, data, size);
    hop__release(context, data);
    return status;
}

/* ---- reading ---- */

struct hop__item_file {
    hop_context *context;
    char *path, *data;
    size_t size;
    hid_t file;
};

static bool hexadecimal(hop__span word, uint64_t *value) {
    *value = 0;
    for (size_t k = 0; k < word.length; k++) {
        const char *digits = "0123456789abcdef";
        const char *at = word.start[k] ? strchr(digits, word.start[k]) : NULL;
        if (!at || k >= 16)
            return false;
        *value = *value << 4 | (uint64_t)(at - digits);
    }
    return word.length == 16;
}

static bool field(hop__lines *lines, const char *name, hop__span *value) {
    hop__span line, word;
    return hop__lines_next(lines, &line) && hop__span_word(&line, &word) &&
           hop__span_equals(word, name) && hop__span_word(&line, value);
}

static bool is_version(hop__span word) {
    size_t dots = 0;
    for (size_t k = 0; k < word.length; k++) {
        char c = word.start[k];
        if (c != '.' && (c < '0' || c > '9'))
            return false;
        dots += c == '.';
    }
    return word.length <= 20 && dots == 2;
}

/* Each byte is looked at, so that no change goes unseen; the writer's version is free. */
static int check_whole_header(const hop__item_file *f, const char *kind,
                              hop__lines *lines) {
    char header[HEADER];
    hop__span version;
    bool good = field(lines, "libhop", &version) && is_version(version);
    int status = good ? make_header(f->context, kind, f->data + HEADER,
                                    f->size - HEADER, version, header)
                      : HOP_OK;
    if (status == HOP_OK && (!good || memcmp(header, f->data, HEADER) != 0))
        status = hop__fail(f->context, HOP_ERROR_CORRUPT,
                           "%.300s: the header was altered", f->path);
    return status;
}

static int check_header(const hop__item_file *f, const char *kind) {
    hop__lines lines;
    hop__span value;
    int64_t size = 0;
    uint64_t digest;
    char quote[HOP__QUOTE_SIZE];
    if (f->size < sizeof MAGIC || memcmp(f->data, MAGIC "\n", sizeof MAGIC) != 0)
        return hop__fail(f->context, HOP_ERROR_FORMAT,
                         "%.300s:1: expected '%s', got another kind of file", f->path,
                         MAGIC);
    if (f->size < HEADER)
        return hop__fail(f->context, HOP_ERROR_CORRUPT,
                         "%.300s: expected a header of %d bytes, got %zu", f->path,
                         HEADER, f->size);
    hop__lines_start(&lines, f->path, f->data + sizeof MAGIC, HEADER - sizeof MAGIC);
    if (!field(&lines, "kind", &value))
        return hop__fail(f->context, HOP_ERROR_CORRUPT, "%.300s:2: expected 'kind %s'",
                         f->path, kind);
    if (!hop__span_equals(value, kind))
        return hop__fail(f->context, HOP_ERROR_FORMAT,
                         "%.300s:2: expected a file of kind '%s', got '%s'", f->path,
                         kind, hop__quote(value, quote));
    if (!field(&lines, "size", &value) || !hop__span_integer(value, &size) ||
        (uint64_t)size != f->size - HEADER)
        return hop__fail(f->context, HOP_ERROR_CORRUPT,
                         "%.300s:3: expected %lld bytes after the header, got %zu",
                         f->path, (long long)size, f->size - HEADER);
    if (!field(&lines, "xxh64", &value) || !hexadecimal(value, &digest) ||
        digest != hop__digest(f->data + HEADER, f->size - HEADER))
        return hop__fail(f->context, HOP_ERROR_CORRUPT,
                         "%.300s:4: the digest does not match the contents", f->path);
    return check_whole_header(f, kind, &lines);
}

/* HDF5 takes two files in memory of the same name for one file and shows the first one's
   contents, so each has a name of its own. */
static const char *own_name(const hop__item_file *f, char name[32]) {
    uint64_t address = (uint64_t)(uintptr_t)f;
    memcpy(name, "libhop-0123456789abcdef.h5", 27);
    for (int k = 0; k < 16; k++)
        name[7 + k] = "0123456789abcdef"[address >> (60 - 4 * k) & 15];
    return name;
}

static int open_image(hop__item_file *f) {
    hop__hdf5_entry e;
    char name[32];
    int status = hop__hdf5_enter(f->context, &e);
    if (status != HOP_OK)
        return status;
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 16, 0);
    H5Pset_file_image(access, f->data + HEADER, f->size - HEADER);
    f->file = H5Fopen(own_name(f, name), H5F_ACC_RDONLY, access);
    H5Pclose(access);
    if (f->file < 0)
        hop__hdf5_be_quiet();
    hop__hdf5_leave(&e);
    return f->file >= 0 ? HOP_OK
                        : hop__fail(f->context, HOP_ERROR_FORMAT,
                                    "%.300s: HDF5 cannot open the contents", f->path);
}

int hop__items_open(hop_context *context, const char *path, const char *kind,
                    hop__item_file **out) {
    *out = NULL;
    hop__item_file *f = hop__allocate(context, 1, sizeof *f);
    if (!f)
        return HOP_ERROR_MEMORY;
    f->context = context;
    f->file = -1;
    f->path = hop__duplicate(context, path);
    int status = f->path ? HOP_OK : HOP_ERROR_MEMORY;
    if (status == HOP_OK)
        status = hop__file_read(context, path, LIMIT, &f->data, &f->size);
    if (status == HOP_OK)
        status = check_header(f, kind);
    if (status == HOP_OK)
        status = open_image(f);
    if (status != HOP_OK)
        hop__items_close(f);
    else
        *out = f;
    return status;
}

void hop__items_close(hop__item_file *f) {
    if (!f)
        return;
    hop_context *context = f->context;
    if (f->file >= 0) {
        hop__hdf5_entry e;
        hop__hdf5_enter_again(&e);
        H5Fclose(f->file);
        hop__hdf5_leave(&e);
    }
    hop__release(context, f->data);
    hop__release(context, f->path);
    hop__release(context, f);
}

static bool same_class(hid_t set, hop__item_type type) {
    hid_t have = H5Dget_type(set);
    bool same = have >= 0 && H5Tequal(have, type_of(type)) > 0;
    if (have >= 0)
        H5Tclose(have);
    return same;
}

/* Each part of the path is looked at, so that a missing group is no HDF5 error. */
static hid_t open_set(hop__item_file *f, const char *name) {
    char part[128];
    for (const char *slash = strchr(name, '/');; slash = strchr(slash + 1, '/')) {
        size_t length = slash ? (size_t)(slash - name) : strlen(name);
        if (length >= sizeof part)
            return -1;
        memcpy(part, name, length);
        part[length] = '\0';
        if (H5Lexists(f->file, part, H5P_DEFAULT) <= 0)
            return -1;
        if (!slash)
            return H5Dopen2(f->file, name, H5P_DEFAULT);
    }
}

static int look_at(hop__item_file *f, const char *name, hop__item_type type, hid_t *set,
                   size_t *count) {
    static const char *const names[] = {"real numbers", "whole numbers", "text"};
    *set = open_set(f, name);
    if (*set < 0 || !same_class(*set, type))
        return hop__fail(f->context, HOP_ERROR_FORMAT,
                         "%.250s: %s: expected %s, found %s", f->path, name,
                         names[type], *set < 0 ? "none" : "another type");
    hid_t space = H5Dget_space(*set);
    hssize_t points = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    int rank = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    if (space >= 0)
        H5Sclose(space);
    if (points < 0 || rank > 1)
        return hop__fail(f->context, HOP_ERROR_FORMAT,
                         "%.250s: %s: expected a flat array, got rank %d", f->path,
                         name, rank);
    size_t bytes = type == HOP__ITEM_TEXT ? 1 : 8;
    if ((uint64_t)points > f->size / bytes) /* plain arrays: nothing is compressed */
        return hop__fail(
            f->context, HOP_ERROR_FORMAT,
            "%.250s: %s: expected at most %zu elements in this file, got %lld", f->path,
            name, f->size / bytes, (long long)points);
    *count = (size_t)points;
    return HOP_OK;
}

bool hop__items_have(hop__item_file *f, const char *name) {
    hop__hdf5_entry e;
    if (hop__hdf5_enter(f->context, &e) != HOP_OK)
        return false;
    hid_t set = open_set(f, name);
    if (set >= 0)
        H5Dclose(set);
    hop__hdf5_leave(&e);
    return set >= 0;
}

int hop__items_count(hop__item_file *f, const char *name, hop__item_type type,
                     size_t *count) {
    hop__hdf5_entry e;
    hid_t set = -1;
    int status = hop__hdf5_enter(f->context, &e);
    if (status != HOP_OK)
        return status;
    status = look_at(f, name, type, &set, count);
    if (set >= 0)
        H5Dclose(set);
    hop__hdf5_leave(&e);
    return status;
}

int hop__items_read(hop__item_file *f, const hop__item *item) {
    hop__hdf5_entry e;
    hid_t set = -1;
    size_t count = 0;
    int status = hop__hdf5_enter(f->context, &e);
    if (status != HOP_OK)
        return status;
    status = look_at(f, item->name, item->type, &set, &count);
    if (status == HOP_OK && count != item->count)
        status = hop__fail(f->context, HOP_ERROR_FORMAT,
                           "%.250s: %s: expected %zu elements, got %zu", f->path,
                           item->name, item->count, count);
    if (status == HOP_OK && count > 0 &&
        H5Dread(set, memory_type_of(item->type), H5S_ALL, H5S_ALL, H5P_DEFAULT,
                item->data) < 0)
        status = hop__fail(f->context, HOP_ERROR_FORMAT,
                           "%.250s: %s: HDF5 cannot read it", f->path, item->name);
    if (set >= 0)
        H5Dclose(set);
    hop__hdf5_leave(&e);
    return status;
}
