// libfuse's low-level API at the version that this project is written against.
#pragma once

#define FUSE_USE_VERSION 318
#include <fuse_lowlevel.h>
