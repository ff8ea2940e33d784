/*
 * embed FILE HEADER NAME: write FILE as a C array, at build time.
 */
#include <stdio.h>

static int embed(FILE *in, FILE *out, const char *name)
{
	int c, column = 0;

	fprintf(out, "static const unsigned char %s[] = {", name);
	while ((c = getc(in)) != EOF)
		fprintf(out, "%s0x%02x,", column++ % 16 ? "" : "\n", c);
	fprintf(out, "\n};\n");
	return ferror(in) || fflush(out) != 0;
}

int main(int argc, char **argv)
{
	FILE *in, *out;
	int status;

	if (argc != 4)
		return 2;
	in = fopen(argv[1], "rb");
	out = fopen(argv[2], "w");
	if (!in || !out) {
		perror(in ? argv[2] : argv[1]);
		return 1;
	}
	status = embed(in, out, argv[3]);
	if (fclose(in) != 0 || fclose(out) != 0)
		status = 1;
	return status;
}
