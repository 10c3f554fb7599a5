/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel interface that the driver, the framework and the WSK provider are written against: the part of
 * the WDK's header of this name that they use. It compiles as C11 and C++17 with -fshort-wchar, on Linux
 * x86-64 for the embedded host and with mingw-w64 for binaries that Windows or Wine loads. Every layout that
 * crosses a module border is the one of 64-bit Windows and is asserted in tests and below in nt/.
 *
 * A routine that ntoskrnl.exe exports is a function here; one that is a macro or inline in the WDK is one
 * here.
 */
#ifndef NTDDK_H
#define NTDDK_H

#include <nt/annotations.h>
#include <nt/types.h>
#include <nt/status.h>
#include <nt/interlocked.h>
#include <nt/structures.h>
#include <nt/routines.h>
#include <nt/inlines.h>
#include <nt/csq.h>
#include <nt/exceptions.h>
#include <nt/files.h>
#include <nt/lookaside.h>
#include <nt/slist.h>
#include <nt/strings.h>

#endif
