/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/parent/look.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

static void take_line(Cek__Internal__V1__ProcessLook *row, const char *line)
{
	unsigned n;

	if (sscanf(line, "Uid: %*u %u", &n) == 1)
		row->uid = n;
	else if (sscanf(line, "Threads: %u", &n) == 1)
		row->threads = n;
	else if (sscanf(line, "NoNewPrivs: %u", &n) == 1)
		row->no_new_privs = n != 0;
	else if (sscanf(line, "Seccomp: %u", &n) == 1)
		row->seccomp = n;
	else if (sscanf(line, "Seccomp_filters: %u", &n) == 1)
		row->filters = n;
}

static bool read_status(pid_t pid, Cek__Internal__V1__ProcessLook *row)
{
	char path[64], line[256];
	FILE *file;

	cek__internal__v1__process_look__init(row);
	row->pid = (int32_t)pid;
	(void)snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return false;
	while (fgets(line, sizeof(line), file) != NULL)
		take_line(row, line);
	(void)fclose(file);
	return row->threads > 0;
}

static void add(struct look *look, pid_t pid)
{
	if (look->n == LOOK_MAX || !read_status(pid, &look->rows[look->n]))
		return;
	look->list[look->n] = &look->rows[look->n];
	look->n++;
}

static void add_child(struct family *family, struct child *child, void *data)
{
	(void)family;
	add(data, child->pid);
	child->looked_at = child->ready ? child->pid : 0;
}

static void find_new(struct family *family, struct child *child, void *data)
{
	bool *is_new = data;

	(void)family;
	*is_new = *is_new || (child->ready && child->looked_at != child->pid);
}

bool look_is_due(struct family *family)
{
	bool is_new = false;

	family_each(family, find_new, &is_new);
	return is_new;
}

void look_around(struct family *family, struct look *ret_look)
{
	ret_look->n = 0;
	add(ret_look, getpid());
	family_each(family, add_child, ret_look);
}
