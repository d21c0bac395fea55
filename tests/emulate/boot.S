/* SPDX-License-Identifier: Apache-2.0
 *
 * Boot sector that starts a Linux bzImage with an initramfs, so that the emulated machine needs no boot
 * loader package. The disk holds, in sectors of 512 bytes:
 *
 *     0: this sector | 1: bzImage | INITRD_LBA: initramfs
 *
 * Defined when assembling: INITRD_LBA, KERNEL_SECTORS, INITRD_SECTORS, INITRD_BYTES, COMMAND_LINE.
 * Memory: kernel setup code at 0x90000, bounce buffer at 0x10000, kernel at 1 MiB, initramfs at 128 MiB
 * (beyond anything that the unpacking kernel touches). See the x86 boot protocol in the kernel's
 * documentation for the header fields.
 */
#define SETUP 0x9000         /* segment                                                               */
#define BOUNCE 0x1000        /* segment                                                               */
#define CHUNK 64             /* sectors per read: 32 KiB, one block move of the BIOS                  */
#define INITRD_ADDRESS 0x8000000

        .code16
        .globl _start
_start: cli
        cld
        xor %ax, %ax
        mov %ax, %ds
        mov %ax, %es
        mov %ax, %ss
        mov $0x7c00, %sp
        sti
        mov %dl, drive

        /* The setup code is at most 64 sectors: read that much straight to its place. */
        movw $SETUP, packet_segment
        call read
        movw $BOUNCE, packet_segment

        /* Protected-mode part, after the boot sector of the image and its setup_sects sectors. */
        mov $SETUP, %ax
        mov %ax, %fs
        movzbl %fs:0x1f1, %eax
        inc %eax
        mov $KERNEL_SECTORS, %ecx
        sub %eax, %ecx
        inc %eax
        mov %eax, packet_lba
        mov $0x100000, %edi
        call load

        movl $INITRD_LBA, packet_lba
        mov $INITRD_SECTORS, %ecx
        mov $INITRD_ADDRESS, %edi
        call load

        movb $0xff, %fs:0x210               /* type_of_loader: none that is registered */
        orb $0x80, %fs:0x211                /* loadflags: the heap may be used         */
        movw $0xde00, %fs:0x224             /* heap_end_ptr                            */
        movl $INITRD_ADDRESS, %fs:0x218     /* ramdisk_image                           */
        movl $INITRD_BYTES, %fs:0x21c       /* ramdisk_size                            */
        movl $command_line, %fs:0x228       /* cmd_line_ptr                            */

        cli
        mov %fs, %ax
        mov %ax, %ds
        mov %ax, %es
        mov %ax, %ss
        mov $0xe000, %sp
        ljmp $SETUP + 0x20, $0

/* ecx sectors from packet_lba on to linear address edi, by way of the bounce buffer. */
load:   mov %edi, target_low                /* the top byte is rewritten just below    */
        movb $0x93, target_access
        mov %edi, %eax
        shr $24, %eax
        mov %al, target_high
        push %ecx
        push %edi
        call read
        mov $CHUNK * 256, %cx               /* in words                                */
        mov $gdt, %si
        mov $0x87, %ah
        int $0x15
        jc fail
        pop %edi
        pop %ecx
        addl $CHUNK, packet_lba
        add $CHUNK * 512, %edi
        sub $CHUNK, %ecx
        jg load
        ret

/* One chunk into the packet's buffer. */
read:   mov $packet, %si
        mov drive, %dl
        mov $0x42, %ah
        int $0x13
        jc fail
        movw $CHUNK, packet + 2             /* the BIOS may store what it has read     */
        ret

fail:   hlt
        jmp fail

drive:  .byte 0
        .balign 4
packet: .byte 16, 0
        .word CHUNK, 0
packet_segment:
        .word 0
packet_lba:
        .long 1, 0

gdt:    .skip 16
        .word 0xffff, 0
        .byte BOUNCE >> 12, 0x93, 0, 0      /* from: BOUNCE * 16                       */
        .word 0xffff
target_low:
        .skip 3
target_access:
        .byte 0x93, 0
target_high:
        .byte 0
        .skip 16

command_line:
        .asciz COMMAND_LINE

        .org 510
        .word 0xaa55
