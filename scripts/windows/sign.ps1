<#
.SYNOPSIS
    Makes a driver package of wskbridge.sys and signs it for testing.

.DESCRIPTION
    Puts wskbridge.sys and wskbridge.inf into one folder, signs the driver, makes the catalog with inf2cat and signs that.
    The folder is what install.ps1 takes.

    Without -Thumbprint it signs with a test certificate: the one it made before, in the current user's store, or a new one
    whose private key can't be exported. Its public part is put beside the package as wskbridge-test.cer.

    A test signature counts only on a machine that says so:

      1. Turn Secure Boot off in the firmware. Windows refuses the next step while it is on.
      2. As administrator: bcdedit /set testsigning on
      3. Restart. The desktop then says "Test Mode".
      4. Trust the certificate: install.ps1 -TrustCertificate, on test machines only.

    bcdedit /set testsigning off and a restart end it. For machines of others a driver needs Microsoft's own signature, which
    the Hardware Dev Center gives: attestation signing at least.

.PARAMETER Driver
    The wskbridge.sys to sign. By default the one of the release that this script is part of, or in a checkout what
    build.ps1 made. One that was cross-built works as well.

.PARAMETER Platform
    The platform that it was built for.

.PARAMETER Configuration
    Which of build.ps1's results is taken when -Driver is not given.

.PARAMETER Package
    The folder to make. By default the folder package beside the release's driver, or in a checkout
    native-driver\driver\target\package\PLATFORM.

.PARAMETER Thumbprint
    A code signing certificate of the current user's store to sign with in place of the test certificate.

.PARAMETER TimestampServer
    URL of an RFC 3161 time stamp server. Without it the signature ends with the certificate.

.EXAMPLE
    .\sign.ps1

.NOTES
    SPDX-License-Identifier: Apache-2.0
#>
[CmdletBinding()]
param(
    [string]$Driver,
    [ValidateSet('x64', 'ARM64')][string]$Platform = 'x64',
    [ValidateSet('Release', 'Debug')][string]$Configuration = 'Release',
    [string]$Package,
    [string]$Thumbprint,
    [string]$TimestampServer
)
. (Join-Path $PSScriptRoot 'common.ps1')

$TestSubject = 'CN=wskbridge test'

function Get-TestCertificate {
    $now = Get-Date
    $usable = @(Get-ChildItem -Path 'Cert:\CurrentUser\My' -CodeSigningCert |
            Where-Object { $_.Subject -eq $TestSubject -and $_.HasPrivateKey -and $_.NotAfter -gt $now } |
            Sort-Object -Property NotAfter)
    if ($usable.Count -gt 0) {
        return $usable[-1]
    }
    Write-Step 'Making a test certificate'
    return New-SelfSignedCertificate -Type CodeSigningCert -Subject $TestSubject -KeyAlgorithm RSA -KeyLength 3072 `
        -HashAlgorithm SHA256 -KeyExportPolicy NonExportable -CertStoreLocation 'Cert:\CurrentUser\My' `
        -NotAfter $now.AddYears(1)
}

function Invoke-Sign([string]$Path) {
    $arguments = @('sign', '/v', '/fd', 'sha256', '/s', 'My', '/sha1', $Thumbprint)
    if ($TimestampServer) {
        $arguments += @('/tr', $TimestampServer, '/td', 'sha256')
    }
    Invoke-Program $signtool ($arguments + $Path)
}

if (-not $Driver -and $IsRelease) {
    $Driver = Join-Path (Get-ReleaseDriverDirectory $Platform) 'wskbridge.sys'
} elseif (-not $Driver) {
    $Driver = Join-Path $DriverDirectory "target\$Platform\$Configuration\wskbridge.sys"
}
if (-not (Test-Path -LiteralPath $Driver -PathType Leaf)) {
    Stop-Script "There is no $Driver. Run build.ps1 first, or name a driver with -Driver."
}
if (-not $Package) {
    $Package = Get-PackageDirectory $Platform
}
$signtool = Find-KitTool 'signtool.exe'
$inf2cat = Find-KitTool 'inf2cat.exe'

Write-Step "Making the package $Package"
if (Test-Path -LiteralPath $Package) {
    Remove-Item -LiteralPath $Package -Recurse -Force
}
$null = New-Item -ItemType Directory -Path $Package -Force
Copy-Item -LiteralPath $Driver -Destination (Join-Path $Package 'wskbridge.sys')
$architecture = @{ x64 = 'amd64'; ARM64 = 'arm64' }[$Platform]
# A driver that was built by the WDK or comes from a zip has its INF beside it.
$source = Join-Path (Split-Path -Parent (Resolve-Path -LiteralPath $Driver).Path) 'wskbridge.inf'
if (-not (Test-Path -LiteralPath $source -PathType Leaf)) {
    $source = Join-Path $DriverDirectory 'wskbridge.inf'
}
$inf = [IO.File]::ReadAllText($source).Replace('$ARCH$', $architecture)
[IO.File]::WriteAllText((Join-Path $Package 'wskbridge.inf'), $inf, [Text.Encoding]::ASCII)

if (-not $Thumbprint) {
    $certificate = Get-TestCertificate
    $Thumbprint = $certificate.Thumbprint
    $null = Export-Certificate -Cert $certificate -FilePath (Join-Path $Package 'wskbridge-test.cer')
}
Write-Step 'Signing the driver, making the catalog, signing the catalog'
Invoke-Sign (Join-Path $Package 'wskbridge.sys')
$system = @{ x64 = '10_19H1_X64'; ARM64 = '10_19H1_ARM64' }[$Platform]
Invoke-Program $inf2cat @("/driver:$Package", "/os:$system", '/uselocaltime', '/verbose')
Invoke-Sign (Join-Path $Package 'wskbridge.cat')
Write-Host "    $Package"
Write-Host '    Get-Help .\sign.ps1 tells how a machine is made to accept a test signature.'
