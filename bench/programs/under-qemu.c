/* Runs PROGRAM under qemu-x86_64, which would leave its children to the processor: see bench/system.ts. */
#include <stdlib.h>
#include <unistd.h>

int main(int argc, char **argv) {
    char **args = calloc(argc + 4, sizeof *args);
    args[0] = "qemu-x86_64";
    args[1] = "-0";
    args[2] = args[3] = PROGRAM;
    for (int i = 1; i < argc; i++) args[i + 3] = argv[i];
    execv("/usr/bin/qemu-x86_64", args);
    return 127;
}
