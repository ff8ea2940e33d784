/*
 * The standard library's macros (stdlib.bt), as text in this executable.
 */
#pragma once

#include "lang/ast.h"
#include "lang/diag.h"

/* Add the macros to the program. */
void stdlib_import(struct ast_program *p, struct diags *diags);
