// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target over files, or all files of directories, without libFuzzer: so every compiler
// and sanitizer sees the corpus, and a crash found by fuzzing is repeated with one command.

#include <dirent.h>
#include <sys/stat.h>

#include "tests/fuzz/fuzz.h"

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct stat status;
    if (!file || fstat(fileno(file), &status)) {
        perror(path);
        exit(2);
    }
    size_t size = (size_t)status.st_size;
    uint8_t *bytes = malloc(size ? size : 1);
    fuzz_check(bytes && fread(bytes, 1, size, file) == size);
    fclose(file);
    fprintf(stderr, "%s\n", path); // the last one named is the one that crashed
    LLVMFuzzerTestOneInput(bytes, size);
    free(bytes);
    return 1;
}

static int replay_directory(const char *path, DIR *directory)
{
    int count = 0;
    char name[4096];
    for (struct dirent *entry; (entry = readdir(directory));) {
        snprintf(name, sizeof name, "%s/%s", path, entry->d_name);
        if (*entry->d_name != '.')
            count += replay_file(name);
    }
    closedir(directory);
    return count;
}

int main(int argc, char **argv)
{
    int count = 0;
    LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 1; i < argc; i++) {
        DIR *directory = opendir(argv[i]);
        count += directory ? replay_directory(argv[i], directory) : replay_file(argv[i]);
    }
    fprintf(stderr, "%d inputs\n", count);
    return count ? 0 : 1;
}
