/* replay FILE|FOLDER...: one fuzz target over saved inputs. */
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz.h"

static int inputs;
static const char *current = "the empty input";

static void tell(int number) {
    fprintf(stderr, "%s: signal %d\n", current, number);
    _exit(1);
}

static void run_file(const char *path) {
    FILE *file = fopen(path, "rb");
    struct stat entry;
    if (!file || stat(path, &entry) != 0) {
        perror(path);
        exit(1);
    }
    size_t size = (size_t)entry.st_size;
    uint8_t *data = malloc(size + !size); /* exactly as large: valgrind sees the end */
    if (!data || fread(data, 1, size, file) != size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    current = path;
    LLVMFuzzerTestOneInput(data, size);
    free(data);
    inputs++;
}

static void run_path(const char *path) {
    DIR *folder = opendir(path);
    if (!folder) {
        run_file(path);
        return;
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        char name[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        run_path(name);
    }
    closedir(folder);
}

int main(int argc, char **argv) {
    signal(SIGABRT, tell);
    signal(SIGSEGV, tell);
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int k = 1; k < argc; k++)
        run_path(argv[k]);
    printf("%s: %d inputs\n", argv[0], inputs);
    return inputs == 0;
}
