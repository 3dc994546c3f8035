/* ontarget-agent serve ROOT [-- WORDS...]: the agent. WORDS start this program again where /proc/self/exe does not,
 *                                          as under an emulator.
 * ontarget-agent command ROOT STORE TOKEN OWNER ROWS COLUMNS -- WORDS...: a command under the fence (command.h).
 * ontarget-agent worker:                   the process that runs code under test; only the agent starts it. */
#include "command.h"
#include "serve.h"
#include "worker.h"

#include <stdio.h>
#include <string.h>

int main(int argc, char **argv) {
    static char *const again[] = {"/proc/self/exe", NULL};
    if (argc == 2 && strcmp(argv[1], "worker") == 0)
        return worker_main();
    if (argc > 2 && strcmp(argv[1], "command") == 0)
        return command_main(argc - 2, argv + 2);
    if (argc == 3 && strcmp(argv[1], "serve") == 0)
        return serve(argv[2], again);
    if (argc > 4 && strcmp(argv[1], "serve") == 0 && strcmp(argv[3], "--") == 0)
        return serve(argv[2], argv + 4);
    fputs("usage: ontarget-agent serve ROOT [-- WORDS...]\n", stderr);
    return 64;
}
