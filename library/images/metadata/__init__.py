"""What files say of their images besides the pixels: EXIF, IPTC, XMP and the files beside them."""
