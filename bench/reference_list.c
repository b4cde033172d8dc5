#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "reference.h"

static void *must(void *pointer) {
    if (!pointer) {
        fprintf(stderr, "reference: out of memory\n");
        exit(1);
    }
    return pointer;
}

static void add_image(reference_list *l, size_t owner, const double *x,
                      const double shift[3]) {
    l->owner[l->all] = owner;
    for (int c = 0; c < 3; c++) {
        l->shift[3 * l->all + (size_t)c] = shift[c];
        l->x[3 * l->all + (size_t)c] = x[3 * owner + (size_t)c] + shift[c];
    }
    l->all++;
}

/* The atoms, then every image less than `reach` outside the box; only counted when
   `store` is false. */
static size_t images(reference_list *l, const double *x, const double box[3],
                     double reach, bool store) {
    int far[3];
    size_t count = l->atoms;
    for (int c = 0; c < 3; c++)
        far[c] = (int)ceil(reach / box[c]);
    for (int i = -far[0]; i <= far[0]; i++)
        for (int j = -far[1]; j <= far[1]; j++)
            for (int k = -far[2]; k <= far[2]; k++) {
                const double shift[3] = {i * box[0], j * box[1], k * box[2]};
                if (i == 0 && j == 0 && k == 0)
                    continue;
                for (size_t a = 0; a < l->atoms; a++) {
                    bool near = true;
                    for (int c = 0; c < 3; c++) {
                        double at = x[3 * a + (size_t)c] + shift[c];
                        near = near && at > -reach && at < box[c] + reach;
                    }
                    count += near;
                    if (near && store)
                        add_image(l, a, x, shift);
                }
            }
    return count;
}

typedef struct bins {
    size_t count[3], *head, *next;
    double reach;
} bins;

static size_t bin_of(const bins *b, const double *x, int along) {
    double at = (x[along] + b->reach) / b->reach;
    size_t bin = at > 0.0 ? (size_t)at : 0;
    return bin < b->count[along] ? bin : b->count[along] - 1;
}

static bins sort_into_bins(const reference_list *l, const double box[3], double reach) {
    bins b = {.reach = reach};
    size_t total = 1;
    for (int c = 0; c < 3; c++) {
        b.count[c] = (size_t)((box[c] + 2.0 * reach) / reach) + 1;
        total *= b.count[c];
    }
    b.head = must(calloc(total, sizeof *b.head));
    b.next = must(calloc(l->all, sizeof *b.next));
    for (size_t a = l->all; a-- > 0;) {
        const double *x = l->x + 3 * a;
        size_t *head =
            &b.head[(bin_of(&b, x, 0) * b.count[1] + bin_of(&b, x, 1)) * b.count[2] +
                    bin_of(&b, x, 2)];
        b.next[a] = *head;
        *head = a + 1;
    }
    return b;
}

/* In half lists a pair stands under the atom with the smaller number; of a pair across
   the boundary both halves would, so the image's place decides. */
static bool belongs(const reference_list *l, size_t i, size_t j, bool full) {
    if (full || j < l->atoms)
        return full ? i != j : j > i;
    const double *a = l->x + 3 * i, *b = l->x + 3 * j;
    return b[2] != a[2] ? b[2] > a[2] : b[1] != a[1] ? b[1] > a[1] : b[0] > a[0];
}

static void collect(reference_list *l, const bins *b, size_t i, size_t *capacity,
                    bool full) {
    size_t home[3], count = l->first[i];
    const double *x = l->x + 3 * i;
    for (int c = 0; c < 3; c++)
        home[c] = bin_of(b, x, c);
    for (size_t u = home[0] - 1; u <= home[0] + 1 && u < b->count[0]; u++)
        for (size_t v = home[1] - 1; v <= home[1] + 1 && v < b->count[1]; v++)
            for (size_t w = home[2] - 1; w <= home[2] + 1 && w < b->count[2]; w++)
                for (size_t j = b->head[(u * b->count[1] + v) * b->count[2] + w]; j > 0;
                     j = b->next[j - 1]) {
                    const double *y = l->x + 3 * (j - 1);
                    double d[3] = {x[0] - y[0], x[1] - y[1], x[2] - y[2]};
                    if (d[0] * d[0] + d[1] * d[1] + d[2] * d[2] >=
                            b->reach * b->reach ||
                        !belongs(l, i, j - 1, full))
                        continue;
                    if (count == *capacity) {
                        *capacity = 2 * *capacity + 1024;
                        l->neighbor =
                            must(realloc(l->neighbor, *capacity * sizeof *l->neighbor));
                    }
                    l->neighbor[count++] = j - 1;
                }
    l->first[i + 1] = count;
}

void reference_list_build(reference_list *l, size_t n, const double *x,
                          const double box[3], double reach, bool full) {
    *l = (reference_list){.atoms = n};
    size_t all = images(l, x, box, reach, false), capacity = 0;
    l->x = must(calloc(3 * all, sizeof *l->x));
    l->pull = must(calloc(3 * all, sizeof *l->pull));
    l->shift = must(calloc(3 * all, sizeof *l->shift));
    l->owner = must(calloc(all, sizeof *l->owner));
    l->first = must(calloc(n + 1, sizeof *l->first));
    for (size_t a = 0; a < n; a++)
        add_image(l, a, x, (double[]){0.0, 0.0, 0.0});
    images(l, x, box, reach, true);
    bins b = sort_into_bins(l, box, reach);
    for (size_t i = 0; i < n; i++)
        collect(l, &b, i, &capacity, full);
    free(b.head);
    free(b.next);
}

void reference_list_follow(reference_list *l, const double *x) {
    for (size_t a = 0; a < l->all; a++)
        for (size_t c = 0; c < 3; c++)
            l->x[3 * a + c] = x[3 * l->owner[a] + c] + l->shift[3 * a + c];
    memset(l->pull, 0, 3 * l->all * sizeof *l->pull);
}

void reference_list_fold(const reference_list *l, double *forces) {
    memcpy(forces, l->pull, 3 * l->atoms * sizeof *forces);
    for (size_t a = l->atoms; a < l->all; a++)
        for (size_t c = 0; c < 3; c++)
            forces[3 * l->owner[a] + c] += l->pull[3 * a + c];
}
