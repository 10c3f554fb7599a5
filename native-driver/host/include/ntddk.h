/* SPDX-License-Identifier: Apache-2.0
 *
 * The kernel interface that the driver, the framework and the WSK provider are written against: the subset of
 * the WDK's header of this name that they use. It compiles as C11 and C++17 with -fshort-wchar, on Linux
 * x86-64 for the embedded host and with mingw-w64 for binaries that Windows or Wine loads. Every layout that
 * crosses a module boundary is that of 64-bit Windows; tests and the headers in nt/ assert it.
 *
 * Routines that ntoskrnl.exe exports are functions here; those that are macros or inlines in the WDK are so
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
