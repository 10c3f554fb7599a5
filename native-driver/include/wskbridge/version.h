/* SPDX-License-Identifier: Apache-2.0
 *
 * The version of this project's binaries, in the one place where it is kept: for the version resources of
 * wskbridge.sys and wskshim.dll, which a resource compiler reads it for, and for CMake, which reads the three
 * numbers as text. The INF and the poms repeat it; scripts/check-windows compares. The protocol has versions
 * of its own, in ioctl.h.
 */
#ifndef WSKBRIDGE_VERSION_H
#define WSKBRIDGE_VERSION_H

#define WSKB_RELEASE_MAJOR 0
#define WSKB_RELEASE_MINOR 1
#define WSKB_RELEASE_PATCH 0

#define WSKB_RELEASE_TEXT_OF(a, b, c) #a "." #b "." #c
#define WSKB_RELEASE_TEXT_IN(a, b, c) WSKB_RELEASE_TEXT_OF(a, b, c)
#define WSKB_RELEASE_TEXT             WSKB_RELEASE_TEXT_IN(WSKB_RELEASE_MAJOR, WSKB_RELEASE_MINOR, WSKB_RELEASE_PATCH)

#endif
