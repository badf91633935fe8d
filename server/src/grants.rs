//! What a home may sell: all of its warehouse's available units but a share kept back.
