<#
.SYNOPSIS
    Turns Driver Verifier and the verifier of KMDF on or off for wskbridge.sys, or says what is on.

.DESCRIPTION
    Driver Verifier watches every call that the driver makes and stops the machine at the first misuse. Use it in a virtual
    machine with a snapshot. It takes effect with the next restart.

    -Enable asks Driver Verifier for its standard checks: special pool, IRQL, pool tracking, I/O verification, deadlock
    detection, DMA, security, miscellaneous and DDI compliance. -LowResources makes allocations fail at random in addition.
    In the key Parameters\Wdf of the service it turns on KMDF's own checks and the tracking of all handles. With -Break KMDF
    stops in the kernel debugger at a fault, in place of stopping the machine.

    When the machine has stopped, the dump is C:\Windows\MEMORY.DMP, or a small one in C:\Windows\Minidump. In WinDbg:

      .symfix; .sympath+ FOLDER_OF_WSKBRIDGE_PDB; .reload
      !analyze -v                 what happened, and whose code ran
      !verifier 3 wskbridge.sys   what Driver Verifier knows of the driver, its pool among it
      !wdfkd.wdfldr               the framework's version and clients
      !wdfkd.wdfdriverinfo wskbridge 0xff
                                  the driver's objects, handles and queues
      !wdfkd.wdflogdump wskbridge what the framework noted before the end
      !wdfkd.wdfcrashdump         what the framework put into the dump

    0xC4 is Driver Verifier's bugcheck, 0x10D is KMDF's, 0xD1 and 0x0A are accesses at a wrong IRQL, 0xCE is code that ran
    after the driver was unloaded. Their first parameter says which rule was broken.

    If Windows no longer starts, start it in safe mode and run: verifier /reset

.PARAMETER Enable
    Turns both on.

.PARAMETER LowResources
    With -Enable: low resources simulation too.

.PARAMETER Break
    With -Enable: KMDF breaks into the debugger. Without a debugger attached the machine stops all the same.

.PARAMETER Disable
    Turns both off.

.PARAMETER Status
    Says what is on. This is the default.

.EXAMPLE
    .\verify.ps1 -Enable -LowResources

.NOTES
    SPDX-License-Identifier: Apache-2.0
#>
[CmdletBinding(DefaultParameterSetName = 'Status')]
param(
    [Parameter(ParameterSetName = 'Enable', Mandatory = $true)][switch]$Enable,
    [Parameter(ParameterSetName = 'Enable')][switch]$LowResources,
    [Parameter(ParameterSetName = 'Enable')][switch]$Break,
    [Parameter(ParameterSetName = 'Disable', Mandatory = $true)][switch]$Disable,
    [Parameter(ParameterSetName = 'Status')][switch]$Status
)
. (Join-Path $PSScriptRoot 'common.ps1')

# Special pool 1, IRQL 2, pool tracking 8, I/O 0x10, deadlocks 0x20, DMA 0x80, security 0x100, miscellaneous 0x800,
# DDI compliance 0x20000.
$StandardFlags = 0x209BB
$LowResourcesFlag = 0x4
$FrameworkKey = "HKLM:\SYSTEM\CurrentControlSet\Services\$ServiceName\Parameters\Wdf"
$FrameworkNumbers = @('VerifierOn', 'VerifyOn', 'DbgBreakOnError')

function Set-FrameworkVerifier {
    if ($null -eq (Get-DriverService)) {
        Stop-Script "There is no service $ServiceName. Run install.ps1 first."
    }
    if (-not (Test-Path -LiteralPath $FrameworkKey)) {
        $null = New-Item -Path $FrameworkKey -Force
    }
    $numbers = @{ VerifierOn = 1; VerifyOn = 1; DbgBreakOnError = [int][bool]$Break }
    foreach ($name in $FrameworkNumbers) {
        $null = New-ItemProperty -LiteralPath $FrameworkKey -Name $name -PropertyType DWord -Value $numbers[$name] -Force
    }
    $null = New-ItemProperty -LiteralPath $FrameworkKey -Name 'TrackHandles' -PropertyType MultiString -Value @('*') -Force
}

function Clear-FrameworkVerifier {
    if (Test-Path -LiteralPath $FrameworkKey) {
        foreach ($name in $FrameworkNumbers + 'TrackHandles') {
            Remove-ItemProperty -LiteralPath $FrameworkKey -Name $name -ErrorAction SilentlyContinue
        }
    }
}

# verifier.exe exits with 2 when a restart is needed, which is not an error.
function Invoke-Verifier([string[]]$Arguments) {
    & verifier.exe @Arguments | Out-Host
    if ($LASTEXITCODE -ne 0 -and $LASTEXITCODE -ne 2) {
        Stop-Script "verifier.exe failed with exit code $LASTEXITCODE."
    }
}

function Show-Status {
    Write-Step 'Driver Verifier'
    Invoke-Verifier @('/querysettings')
    Write-Step 'KMDF verifier'
    if (Test-Path -LiteralPath $FrameworkKey) {
        Get-ItemProperty -LiteralPath $FrameworkKey | Select-Object -Property ($FrameworkNumbers + 'TrackHandles') |
            Format-List | Out-Host
    } else {
        Write-Host '    nothing is set'
    }
}

Assert-Administrator
if ($Enable) {
    Set-FrameworkVerifier
    $flags = $StandardFlags
    if ($LowResources) {
        $flags = $flags -bor $LowResourcesFlag
    }
    Invoke-Verifier @('/flags', ('0x{0:X}' -f $flags), '/driver', 'wskbridge.sys')
    Write-Step 'On from the next restart. Get-Help .\verify.ps1 tells how a crash is read.'
} elseif ($Disable) {
    Clear-FrameworkVerifier
    Invoke-Verifier @('/reset')
    Write-Step 'Off from the next restart.'
} else {
    Show-Status
}
