/* Memory, as the system counts it. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* What the process holds, of the system's memory. */
static long resident(void)
{
    long pages = 0, all;
    FILE *file = fopen("/proc/self/statm", "r");
    malloc_trim(0);
    if (file == NULL || fscanf(file, "%ld %ld", &all, &pages) != 2) abort();
    fclose(file);
    return pages * sysconf(_SC_PAGESIZE);
}
