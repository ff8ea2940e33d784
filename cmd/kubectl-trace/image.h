/*
 * The container image with the runner.
 */
#pragma once

/* A repository on no registry: it is there if it was loaded, and never pulled by accident. */
#define IMAGE_DEFAULT_NAME "localhost/kubectl-trace-runner:" VERSION
