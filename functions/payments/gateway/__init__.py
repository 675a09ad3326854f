"""Every electronic payment and refund of all campuses and modules (统一支付), module 56."""
