/* What the bench found, as tables on the terminal and as JSON. */
#ifndef BENCH_POTENTIALS_REPORT_H
#define BENCH_POTENTIALS_REPORT_H

#include <stdio.h>

#include "potentials.h"

#define ROUNDS 99

typedef struct row {
    const contender *contender;
    double force_difference, energy_difference; /* to libhop's */
    bool agrees;
    size_t heap, resident;
    int rounds[TASKS]; /* 0: not measured */
    timing timings[TASKS][ROUNDS];
} row;

typedef struct report {
    FILE *json;
    char summary[64][500];                          /* a line for each problem */
    int problems, missing, disagreements, failures; /* missing: in this problem */
} report;

bool report_open(report *r, const char *path, int rounds, double burst);
void report_peers(report *r);
void report_problem(report *r, const problem *p);
void report_missing(report *r, const contender *c, const char *why);
void report_rows(report *r, const problem *p, const row *rows, int count);
/* False when anything disagreed or libhop failed. */
bool report_close(report *r);

#endif
