import sys,numpy as np,hardlib,time,os
def full(bh,bw,rng):
    n=bh*bw;r,c=np.divmod(np.arange(n*n),n)
    g=((r%bh)*bw+r//bh+c)%n+1
    g=g.reshape(n,n)
    rows=np.concatenate([rng.permutation(bh)+b*bh for b in rng.permutation(n//bh)]);cols=np.concatenate([rng.permutation(bw)+b*bw for b in rng.permutation(n//bw)])
    return (rng.permutation(n)+1)[g[rows][:,cols]-1].ravel().astype(np.int8)
def make(bh,bw,blanks,count,rng,shakes=12,share=0.55,cap=2000):
    P,S=[],[]
    while len(P)<count:
        p=full(bh,bw,rng);s=np.zeros_like(p)
        ok=hardlib.L.dig(bh,bw,hardlib.P(p),hardlib.P(s),shakes,hardlib.ctypes.c_double(share),int(blanks if np.isscalar(blanks) else rng.integers(*blanks)),hardlib.ctypes.c_long(cap),hardlib.ctypes.c_uint64(int(rng.integers(2**60))))
        if ok: P.append(p);S.append(s)
    return np.array(P),np.array(S)
if __name__=='__main__':
    rng=np.random.default_rng(20261127)
    for name,bh,bw,b,k in (('16x16-130',4,4,130,200),('12x12-75',3,4,75,200),('16x16-90',4,4,90,100),('12x12-95',3,4,95,100),('16x16-150',4,4,150,100),('25x25-250',5,5,250,20)):
        t=time.time();p,s=make(bh,bw,b,k,rng)
        sol,cnt,g=hardlib.solve_all(p,bh,bw,20000)
        print(name,len(p),'unique',(cnt==1).mean(),'guesses',np.percentile(g,[50,90,100]),'s %.1f'%(time.time()-t),'valid',flush=True)
        np.savez('data/test-%s.npz'%name,p=p,s=s,bh=bh,bw=bw)
